"""An experiment whose trainings cost seconds: eight preprocessed patients of two grades, tiny networks."""

from pathlib import Path

import yaml
from tests.support.sessions import TASK, write_session


def write_recipe(path: Path, *, iterations: int, validate_every: int) -> Path:
    """Write a recipe of the smallest networks, with a range to tune in."""
    common = {
        "iterations": iterations,
        "learning_rate": 0.001,
        "batch_size": 1,
        "batch_samples": 1,
        "l1_weight": 100.0,
        "lesion_weight": 50.0,
        "generator_width": 2,
        "generator_blocks": 0,
        "discriminator_width": 2,
        "validate_every": validate_every,
    }
    search = {"common": {"learning_rate": {"low": 0.0001, "high": 0.01, "scale": "log"}}}
    path.write_text(yaml.safe_dump({"name": "tiny", "common": common, "tasks": {TASK.name: {}}, "search": search}))
    return path


def make_experiment(folder: Path, *, iterations: int = 4, trials: int = 2) -> Path:
    """Write derivatives, a raw dataset that has nothing but names, and a configuration; returns the file of the latter.

    The output folder is ``folder/out``.
    """
    rows = ["participant_id\tgrade"]
    for number in range(1, 9):
        write_session(folder / "derivatives", f"sub-{number:02d}", number)
        (folder / "bids" / f"sub-{number:02d}").mkdir(parents=True)
        rows.append(f"sub-{number:02d}\t{2 + number % 2}")
    (folder / "bids" / "participants.tsv").write_text("\n".join(rows) + "\n")
    recipe = write_recipe(folder / "tiny.yaml", iterations=iterations, validate_every=iterations // 2)
    config = {
        "bids_dir": str(folder / "bids"),
        "output_dir": str(folder / "out"),
        "split": {"fractions": [2, 1, 1], "strata": ["grade"]},
        "train": {"derivatives": str(folder / "derivatives"), "tasks": [TASK.name], "recipe": "tuned"},
        "tune": {"recipe": str(recipe), "trials": trials, "workers": 1, "top": 1, "repeats": 2},
        "evaluate": {"strata": ["grade"]},
        "threads": {"train": 1},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "config.yaml"
