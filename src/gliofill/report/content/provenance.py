"""How a session was made, for its page: versions, models, checksums, commands."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gliofill import __version__
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.session_record import SessionRecord
from gliofill.report.content.facts import read_if_there
from gliofill.report.status.session import SessionFacts

#: packages whose version can change a result
PACKAGES = ("gliofill", "antspyx", "nipype", "torch", "nilearn", "nibabel", "numpy", "scipy", "snakemake")


@dataclass(frozen=True)
class ModelIdentity:
    """A model that made synthetic images.

    Attributes
    ----------
    attribution
        What its training data ask to be named and cited; empty if its ``model.json`` names nothing.
    """

    contrast: str
    source: str
    model_id: str
    sha256: str
    attribution: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelFacts:
    """The model behind a synthetic contrast, as the sidecar of the image names it."""

    contrast: str
    source: str
    model_id: str
    sha256: str
    version: str
    reason: str
    demonstration: bool
    attribution: tuple[str, ...] = ()

    @property
    def identity(self) -> ModelIdentity:
        """What is the same for all images that the model made."""
        return ModelIdentity(self.contrast, self.source, self.model_id, self.sha256, self.attribution)


def package_versions() -> dict[str, str]:
    """Return the versions of `PACKAGES` in this environment."""
    return {name: found for name in PACKAGES if (found := _version(name))}


def _version(name: str) -> str:
    if name == "gliofill":
        return __version__
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def models_used(output_dir: Path, facts: SessionFacts) -> list[ModelFacts]:
    """Return the model of each synthetic contrast."""
    return [_model_facts(output_dir, record) for record in facts.imputed.values()]


def _model_facts(output_dir: Path, record: ImputationRecord) -> ModelFacts:
    """Return the model of one synthetic contrast, from its record and its sidecar."""
    sidecar = read_if_there(output_dir / paths.sidecar(paths.imputed(record.session, record.contrast)))
    method = sidecar.get("SynthesisMethod", {})
    return ModelFacts(
        contrast=str(record.contrast),
        source=str(record.source or "n/a"),
        model_id=record.model or "n/a",
        sha256=str(method.get("WeightsSHA256", "n/a")),
        version=record.version,
        reason=record.reason,
        demonstration=bool(record.demonstration),
        attribution=record.attribution or (),
    )


def checksums(facts: SessionFacts) -> dict[str, str]:
    """Return the SHA-256 of each file of the session, as its records state them."""
    return dict(_checksums(facts))


def _checksums(facts: SessionFacts) -> Iterator[tuple[str, str]]:
    parts = facts.reviewed.record.parts if facts.reviewed.record else ()
    for part in (*parts, *facts.imputed.values()):
        yield from part.files.items()


def commands(facts: SessionFacts, bids_dir: Path | None, output_dir: Path) -> list[str]:
    """Return the commands that make the session again, one by one, with the settings that its records name.

    Parameters
    ----------
    facts
        The session.
    bids_dir
        Raw dataset; a placeholder stands in the commands if it is not known.
    output_dir
        Derivatives.
    """
    raw, out = (str(bids_dir) if bids_dir else "BIDS_DIR"), str(output_dir)
    lines = []
    if any(row.action == "use" for row in facts.reviewed.rows.values()):
        lines.append(["gliofill", "preprocess", raw, out, facts.folder, *_settings(facts.reviewed.record)])
    lines += [
        ["gliofill", "impute", out, facts.folder, contrast, *_settings(facts.imputed.get(contrast))]
        for contrast in facts.reviewed.to_impute
    ]
    lines.append(["gliofill", "report", out, facts.folder])
    return [shlex.join(line) for line in lines]


def _settings(record: SessionRecord | ImputationRecord | None) -> list[str]:
    return ["--settings", json.dumps(record.settings)] if record and record.settings else []


def raw_dataset(output_dir: Path) -> Path | None:
    """Return the raw dataset that ``dataset_description.json`` links to, None if it is not there any more."""
    link = urlsplit(str(read_if_there(output_dir / "dataset_description.json").get("DatasetLinks", {}).get("raw", "")))
    path = Path(unquote(link.path))
    return path if link.scheme == "file" and path.is_dir() else None
