import dataclasses

import numpy as np
import pytest
import torch

from gliofill.config.recipe import Recipe
from gliofill.errors import GliofillError
from gliofill.learning.training.batches import SliceSource
from gliofill.learning.volumes.cases import Case, Volume, load_case

CPU = torch.device("cpu")


@pytest.fixture
def volumes(cases: list[Case]) -> list[Volume]:
    return [load_case(case, crop_minimum=(32, 48)) for case in cases]


def find_slice(volume: Volume, image: np.ndarray) -> int | None:
    unit = (image + 1) / 2
    return next((k for k, own in enumerate(volume.source) if np.array_equal(own, unit.astype(np.float16))), None)


def test_batch_has_slices_of_every_drawn_volume_with_their_targets(volumes: list[Volume], recipe: Recipe) -> None:
    recipe = dataclasses.replace(recipe, batch_samples=3, flip=False)
    batch = SliceSource(volumes, recipe, CPU).draw(0)
    assert batch.source.shape == batch.target.shape == batch.lesion.shape == (6, 1, 32, 48)
    drawn: list[list[int]] = [[], []]
    for source, target, lesion in zip(batch.source[:, 0], batch.target[:, 0], batch.lesion[:, 0], strict=True):
        found = [find_slice(volume, source.numpy()) for volume in volumes]
        owner = 0 if found[0] is not None else 1
        k = found[owner]
        assert k is not None
        np.testing.assert_array_equal(target, 2 * volumes[owner].target[k].astype(np.float32) - 1)
        np.testing.assert_array_equal(lesion, volumes[owner].lesion[k].astype(np.float32))
        drawn[owner].append(k)
    assert [len(set(slices)) for slices in drawn] == [3, 3]


def test_background_is_minus_one(volumes: list[Volume], recipe: Recipe) -> None:
    batch = SliceSource(volumes, recipe, CPU).draw(0)
    assert batch.source[:, :, 0, 0].tolist() == [[-1.0]] * 4
    assert batch.source.min() == -1 and batch.source.max() <= 1


def test_draws_depend_on_seed_and_iteration_alone(volumes: list[Volume], recipe: Recipe) -> None:
    source = SliceSource(volumes, recipe, CPU)
    first = source.draw(5).source
    source.draw(6)
    assert torch.equal(source.draw(5).source, first)
    assert not torch.equal(source.draw(6).source, first)
    other = SliceSource(volumes, dataclasses.replace(recipe, seed=1), CPU)
    assert not torch.equal(other.draw(5).source, first)


def test_flip_mirrors_left_right_and_all_images_alike(volumes: list[Volume], recipe: Recipe) -> None:
    recipe = dataclasses.replace(recipe, batch_samples=8)
    plain = SliceSource(volumes, dataclasses.replace(recipe, flip=False), CPU).draw(0)
    flipped = SliceSource(volumes, dataclasses.replace(recipe, flip=True), CPU).draw(0)
    mirrored = []
    for index in range(16):
        for name in ("source", "target", "lesion"):
            before, after = getattr(plain, name)[index], getattr(flipped, name)[index]
            is_same = torch.equal(before, after)
            assert is_same or torch.equal(before.flip(1), after)  # (1, H, W): H runs left-right
            if name == "source":
                mirrored.append(not is_same)
    assert 0 < sum(mirrored) < 16


def test_few_volumes_and_slices_are_drawn_repeatedly(volumes: list[Volume], recipe: Recipe) -> None:
    recipe = dataclasses.replace(recipe, batch_size=3, batch_samples=50)
    assert SliceSource(volumes[:1], recipe, CPU).draw(0).source.shape == (150, 1, 32, 48)


def test_volume_without_usable_slices_is_told(cases: list[Case], recipe: Recipe) -> None:
    with pytest.raises(GliofillError, match=r"brain_mask\.nii\.gz: no slice has enough brain to train on"):
        SliceSource([load_case(cases[0])], dataclasses.replace(recipe, smallest_brain_fraction=0.1), CPU)


def test_a_lesion_loss_without_any_lesion_is_refused(cases: list[Case], recipe: Recipe) -> None:
    healthy = [load_case(cases[1])]
    with pytest.raises(GliofillError, match="none of the 1 sessions to train on has a lesion mask"):
        SliceSource(healthy, recipe, torch.device("cpu"))
    SliceSource(healthy, recipe.variant("nolesion"), torch.device("cpu"))
