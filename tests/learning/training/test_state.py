import pytest
import torch

from gliofill.config.recipe import Recipe
from gliofill.learning.training.state import TrainingState

pytestmark = pytest.mark.usefixtures("small_crop")


def test_initial_weights_depend_on_the_seed_alone(recipe: Recipe) -> None:
    torch.manual_seed(99)
    untouched = torch.random.get_rng_state()
    first = TrainingState.fresh(recipe, torch.device("cpu")).generator.output.weight
    assert torch.equal(torch.random.get_rng_state(), untouched)
    torch.manual_seed(7)
    assert torch.equal(TrainingState.fresh(recipe, torch.device("cpu")).generator.output.weight, first)
