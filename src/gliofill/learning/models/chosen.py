"""The embedded demonstration models, and where a configured model lies. Nothing here loads weights."""

from pathlib import Path

from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import Task
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json

DEMONSTRATION_WARNING = (
    "Made by a demonstration model that was trained on a handful of patients: it shows how the program works. "
    "Do not use this image in research; train a model on your own cohort."
)


def model_folder(task: Task, settings: ImputeSettings) -> Path:
    """Return the folder of the model that is configured for a task.

    Raises
    ------
    GliofillError
        If none is configured, or the folder does not exist.
    """
    choice = settings.models.get(task.name, "none")
    if choice == "demo":
        return Path(__file__).parent / task.name
    if choice == "none":
        raise GliofillError(f"impute.models.{task.name}: no model is configured")
    folder = Path(choice).expanduser()
    if not folder.is_dir():
        raise GliofillError(f"impute.models.{task.name}: {folder}: no such folder")
    return folder


def model_checksum(task: Task, settings: ImputeSettings) -> str:
    """Return the checksum of a configured model's weights, as its ``model.json`` states it.

    Reading it early tells of a wrong model before hours of preprocessing, and a changed one makes its images again.

    Raises
    ------
    GliofillError
        If there is no model, or it is for another task.
    """
    path = model_folder(task, settings) / "model.json"
    metadata = read_json(path)
    if metadata.get("task") != task.name:
        raise GliofillError(
            f"impute.models.{task.name}: {path}: the model is for {metadata.get('task')}; choose one for {task.name}"
        )
    return str(metadata.get("weights_sha256"))
