"""The network that measures distances, its loss, and its folder."""

from pathlib import Path

import pytest
import torch

from gliofill.errors import GliofillError
from gliofill.extraction.model import METADATA, WEIGHTS, load_model, model_id, save_model
from gliofill.extraction.network import BrainNetwork, distance_loss, fold, unfold
from gliofill.files.atomic import read_json, write_json


def test_folding_is_undone_and_keeps_neighbours_together():
    image = torch.arange(4.0 * 6 * 8).reshape(1, 1, 4, 6, 8)
    channels = fold(image)
    assert channels.shape == (1, 8, 2, 3, 4)
    assert channels[0, :, 1, 2, 3].tolist() == image[0, 0, 2:4, 4:6, 6:8].flatten().tolist()
    assert torch.equal(unfold(channels), image)


@pytest.mark.parametrize("shape", [(32, 32, 32), (34, 46, 38)])
def test_the_distance_has_the_shape_of_the_image(shape: tuple[int, int, int]):
    network = BrainNetwork((4, 6, 8))
    assert network(torch.rand(2, 1, *shape)).shape == (2, 1, *shape)


def test_the_loss_is_0_for_the_truth_beyond_the_reach_too_and_ignores_what_was_not_measured():
    distance = torch.linspace(-30, 30, 20 * 4 * 4).reshape(1, 1, 20, 4, 4)
    measured = torch.ones_like(distance, dtype=torch.bool)
    further = torch.where(distance.abs() > 8, 3 * distance, distance)
    assert float(distance_loss(further, distance, measured)) < 0.03
    assert float(distance_loss(distance + 2, distance, measured)) > 0.4
    wrong = further.clone()
    wrong[:, :, 12:] = -100
    measured[:, :, 12:] = False
    assert float(distance_loss(wrong, distance, measured)) < 0.05


def test_a_wrong_side_beyond_the_reach_has_a_gradient():
    estimate = torch.full((1, 1, 2, 2, 2), 20.0, requires_grad=True)
    distance_loss(estimate, torch.full_like(estimate, -20.0), torch.ones_like(estimate, dtype=torch.bool)).backward()
    assert estimate.grad is not None and (estimate.grad > 0).all()


def test_a_saved_model_computes_the_same(tmp_path: Path):
    network = BrainNetwork((4, 6)).eval()
    save_model(tmp_path, network, training={"images": 7, "seed": 1})
    image = torch.rand(1, 1, 16, 16, 16)
    with torch.inference_mode():
        assert torch.allclose(load_model(tmp_path)(image), network(image), atol=0.05)
    assert "7 images (seed 1)" in (tmp_path / "MODEL_CARD.md").read_text()
    assert model_id(tmp_path).startswith("brain-extraction-")


def test_weights_of_another_shape_and_damaged_files_are_refused(tmp_path: Path):
    save_model(tmp_path, BrainNetwork((4, 6)), training={"images": 7, "seed": 1})
    good = read_json(tmp_path / METADATA)
    write_json(tmp_path / METADATA, {**good, "network": {**good["network"], "widths": [4, 8]}})
    with pytest.raises(GliofillError, match=r"weights\.safetensors: down\.1.* has shape"):
        load_model(tmp_path)
    write_json(tmp_path / METADATA, {**good, "kind": "T2w-to-FLAIR"})
    with pytest.raises(GliofillError, match=r"model\.json: is not a brain-extraction model .* kind"):
        load_model(tmp_path)
    write_json(tmp_path / METADATA, good)
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:-8])
    with pytest.raises(GliofillError, match=r"weights\.safetensors: the checksum is not that"):
        load_model(tmp_path)
    with pytest.raises(GliofillError, match=r"is not a model folder"):
        load_model(tmp_path / "nowhere")
