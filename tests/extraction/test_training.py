"""Training of the brain extraction: it learns, stops, goes on bit for bit, and refuses what does not belong."""

import csv
import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gliofill.errors import GliofillError
from gliofill.extraction.model import WEIGHTS, load_model
from gliofill.extraction.network import BrainNetwork, distance_loss
from gliofill.extraction.training import LOSSES, STATE, BrainRecipe, train_brain

TINY = BrainRecipe(images=6, widths=(4, 8), shape=(48, 56, 48), save_every=2, decay_fraction=0.0, warm_up=1)


@pytest.mark.slow
def test_the_network_learns_one_example_by_heart():
    torch.manual_seed(0)
    points = torch.stack(torch.meshgrid(*[torch.linspace(-32, 32, 32)] * 3, indexing="ij"))
    distance = ((points / torch.tensor([1.0, 1.2, 0.8]).reshape(3, 1, 1, 1)).square().sum(dim=0).sqrt() - 18)[
        None, None
    ]
    # a head: the brain is darker than its shell, and noise hides the rest
    image = ((distance > 4) & (distance < 10)).float() + 0.4 * (distance < 0) + 0.1 * torch.randn_like(distance)
    network = BrainNetwork((8, 16, 16))
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(120):
        loss = distance_loss(network(image), distance, torch.ones_like(distance, dtype=torch.bool))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    mask = network(image) < 0
    assert loss.item() < 0.5
    assert 2 * float((mask & (distance < 0)).sum()) / float(mask.sum() + (distance < 0).sum()) > 0.98


@pytest.mark.slow
def test_a_stopped_training_goes_on_as_if_nothing_had_happened(tmp_path: Path):
    train_brain(tmp_path / "whole", TINY, device="cpu", workers=0)
    train_brain(tmp_path / "parts", dataclasses.replace(TINY, images=2), device="cpu", workers=0)
    train_brain(tmp_path / "parts", TINY, device="cpu", workers=1)
    whole, parts = (load_file(tmp_path / name / STATE) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(torch.equal(whole[key], parts[key]) for key in whole)
    assert (tmp_path / "whole" / WEIGHTS).read_bytes() == (tmp_path / "parts" / WEIGHTS).read_bytes()
    rows = list(csv.reader((tmp_path / "parts" / LOSSES).open()))
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert load_model(tmp_path / "whole").widths == (4, 8)


@pytest.mark.slow
def test_a_finished_training_says_so_and_other_settings_are_refused(tmp_path: Path):
    said: list[str] = []
    recipe = dataclasses.replace(TINY, images=2)
    train_brain(tmp_path, recipe, device="cpu", workers=0)
    train_brain(tmp_path, recipe, device="cpu", workers=0, log=said.append)
    assert "is trained on 2 images" in said[0]
    with pytest.raises(GliofillError, match="belongs to a training with other settings"):
        train_brain(tmp_path, dataclasses.replace(TINY, seed=1), device="cpu", workers=0)
    (tmp_path / STATE).write_bytes(b"no state")
    with pytest.raises(GliofillError, match=r"cannot be read .* delete it"):
        train_brain(tmp_path, recipe, device="cpu", workers=0)


def test_the_learning_rate_rises_stays_and_falls_to_0():
    recipe = BrainRecipe(images=1000, learning_rate=1.0, warm_up=10, decay_fraction=0.5)
    assert [recipe.rate(step) for step in (0, 9, 400, 750, 1000)] == pytest.approx([0.1, 1.0, 1.0, 0.5, 0.0])
