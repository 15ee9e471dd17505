"""Generated heads: consistent labels, the mask that they come with, and the same head from the same seeds."""

import pytest
import torch

from gliofill.simulation.heads.head import TISSUES, GeneratedHead, grow_head
from gliofill.simulation.heads.lesions import add_lesions
from gliofill.simulation.heads.random import Draw, within
from gliofill.simulation.heads.scanner import scan
from gliofill.simulation.heads.stream import GeneratedImages
from gliofill.simulation.heads.template import Template, load_template
from gliofill.simulation.hull import close

pytestmark = pytest.mark.slow

SHAPE = (72, 88, 72)


@pytest.fixture(scope="module")
def template() -> Template:
    torch.set_num_threads(1)
    return load_template()


@pytest.fixture(scope="module")
def heads(template: Template) -> list[GeneratedHead]:
    return [grow_head(template, Draw(5, number), SHAPE) for number in range(4)]


def test_closing_fills_a_sulcus_and_keeps_the_outside():
    mask = torch.zeros(30, 30, 30, dtype=torch.bool).numpy()
    mask[5:25, 5:25, 5:25] = True
    mask[13:16, 5:25, 15:25] = False
    closed = close(mask, 3.0, 1.0)
    # the middle of a fold 3 mm wide is filled, all but its mouth, and nothing grows outward
    assert closed[14, 10:20, 15:23].all()
    assert not closed[:4].any() and not closed[26:].any()


def test_tissues_fill_a_voxel_at_most_and_the_brain_has_no_air(heads: list[GeneratedHead]):
    for head in heads:
        assert tuple(head.fractions) == TISSUES
        total = torch.stack(list(head.fractions.values())).sum(dim=0)
        assert min(float(part.min()) for part in head.fractions.values()) >= -1e-6
        assert float(total.max()) <= 1 + 1e-4
        assert float((total[head.distance < -3] > 0.95).float().mean()) > 0.995


def test_nearly_all_brain_tissue_lies_within_the_mask_and_the_mask_is_brain_inside(heads: list[GeneratedHead]):
    for head in heads:
        tissue = head.fractions["white_matter"] + head.fractions["grey_matter"]
        # the spinal cord is none; it lies below the template's brain stem
        counted = (tissue > 0.9) & (head.points[2] > -60)
        assert float((head.distance[counted] < 2).float().mean()) > 0.99
        outside = sum(head.fractions[name] for name in ("fat", "skin", "muscle", "marrow"))
        assert float(outside[head.distance < -2].mean()) < 0.01


def test_brains_differ_in_size_as_those_of_people_do(template: Template):
    volumes = [float((grow_head(template, Draw(9, n), (96, 112, 96)).distance < 0).sum()) * 0.008 for n in range(6)]
    assert all(700 < volume < 2600 for volume in volumes)
    assert max(volumes) > 1.1 * min(volumes)


def test_a_lesion_at_the_edge_is_brain_up_to_the_dura():
    points = 2 * torch.stack(torch.meshgrid(*[torch.arange(-24.0, 24.0)] * 3, indexing="ij"))
    distance = points.square().sum(dim=0).sqrt() - 36
    room = -(distance - 4)
    names = ("white_matter", "grey_matter", "csf", "vessel", "oedema", "enhancing", "necrosis", "cavity")
    grew = 0
    for seed in range(8):
        fractions = {name: torch.zeros_like(distance) for name in names}
        fractions["white_matter"] = within(distance, 0, 2.0)
        fractions["csf"] = within(distance, 4, 2.0) - fractions["white_matter"]
        before = torch.stack(list(fractions.values())).sum(dim=0)
        after = add_lesions(fractions, Draw(seed), distance=distance, room=room, spacing_mm=2.0)
        assert torch.allclose(torch.stack(list(fractions.values())).sum(dim=0), before, atol=1e-4)
        lesion = fractions["enhancing"] + fractions["necrosis"] + fractions["cavity"]
        assert (after[lesion > 0.6] < 1.5).all()
        assert (after <= distance).all() and (after[room < -2] > 0).all()
        grew += int(((after < 0) & (distance > 1)).any())
    assert grew >= 2


def test_the_same_seeds_give_the_same_images_and_other_seeds_others(template: Template):
    first, again, other = (GeneratedImages(template, 4, seed=seed, shape=SHAPE) for seed in (3, 3, 4))
    # in another order: an image does not depend on those before it
    assert all(torch.equal(a, b) for a, b in zip(first[1], again[1], strict=True))
    assert torch.equal(first[0][0], again[0][0])
    assert torch.equal(first[0][1], first[1][1]) and not torch.equal(first[0][0], first[1][0])
    assert not torch.equal(first[0][0], other[0][0])


def test_images_are_scaled_and_0_where_nothing_was_measured(heads: list[GeneratedHead]):
    cut = 0
    for number, head in enumerate(heads):
        for painting in range(3):
            example = scan(head, Draw(number, painting))
            assert example.image.shape == SHAPE and example.measured.shape == SHAPE
            assert torch.isfinite(example.image).all()
            assert float(example.image.min()) >= 0 and float(example.image.max()) <= 1.5
            assert (example.image[~example.measured] <= example.image.min() + 0.2).all()
            assert example.measured.float().mean() > 0.4
            cut += int(not example.measured.all())
    assert cut
