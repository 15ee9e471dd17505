"""Give a model that was trained before the domain of its training images; its weights stay as they are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gliofill.errors import GliofillError
from gliofill.learning.models.domain import LEAST_PATIENTS, Domain, describe
from gliofill.learning.models.folder import Model, load_model, note_domain
from gliofill.learning.volumes.cases import Case, Volume, find_cases, load_case


def add_domain(model_dir: Path, roots: Sequence[Path]) -> Domain:
    """Measure the training sessions that ``model.json`` names and write what was found into it and the model card.

    Parameters
    ----------
    model_dir
        Folder of the model.
    roots
        Output folders of the preprocessing that the model was trained on.

    Raises
    ------
    GliofillError
        If the model cannot be read, a training session is in none of the folders or in two, or there are too few.
    """
    model = load_model(model_dir)
    domain = describe(_volumes(model, _find(model, roots)))
    if domain is None:
        raise GliofillError(
            f"{model_dir}: was trained on {len(model.training.participants)} participants; for fewer than "
            f"{LEAST_PATIENTS} nothing can be said of another image"
        )
    note_domain(model_dir, domain)
    return domain


def _find(model: Model, roots: Sequence[Path]) -> list[Case]:
    found: dict[str, Case] = {}
    for case in (case for root in roots for case in find_cases(root, model.task)):
        if case.folder not in model.training.sessions:
            continue
        if case.folder in found:
            raise GliofillError(f"{case.folder} is in more than one of the folders; name those that were trained on")
        found[case.folder] = case
    if missing := [session for session in model.training.sessions if session not in found]:
        raise GliofillError(
            f"{', '.join(map(str, roots))}: training session {missing[0]} and {len(missing) - 1} more are not there"
            if len(missing) > 1
            else f"{', '.join(map(str, roots))}: training session {missing[0]} is not there"
        )
    return [found[session] for session in model.training.sessions]


def _volumes(model: Model, cases: Sequence[Case]) -> Iterator[Volume]:
    for case in cases:
        yield load_case(case, crop_minimum=model.training.crop_minimum)
