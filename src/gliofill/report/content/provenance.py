"""How a session was made, for its page: versions, models, checksums, commands."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gliofill import __version__
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.report.content.facts import SessionFacts, read_if_there

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
    return [model_facts(output_dir, facts.folder, contrast, record) for contrast, record in facts.imputed.items()]


def model_facts(output_dir: Path, folder: str, contrast: Contrast, record: Mapping[str, Any]) -> ModelFacts:
    """Return the model of one synthetic contrast, from its record and its sidecar."""
    sidecar = read_if_there(output_dir / paths.sidecar(paths.imputed(folder, contrast)))
    method = sidecar.get("SynthesisMethod", {})
    return ModelFacts(
        contrast=str(contrast),
        source=str(record.get("source", "n/a")),
        model_id=str(record.get("Model", "n/a")),
        sha256=str(method.get("WeightsSHA256", "n/a")),
        version=str(record.get("GliofillVersion", "n/a")),
        reason=str(record.get("reason", "")),
        demonstration=bool(record.get("demonstration")),
        attribution=tuple(map(str, record.get("TrainingDataAttribution", ()))),
    )


def mask_method(manifest: Mapping[str, Any]) -> str:
    """Return how a session's brain mask was made; empty if it was not."""
    return str(manifest.get("BrainMask", {}).get("method", ""))


def mask_model(manifest: Mapping[str, Any]) -> str:
    """Return the network that drew a session's brain mask; empty if none did."""
    return str(manifest.get("BrainMask", {}).get("model", ""))


def is_bias_corrected(manifest: Mapping[str, Any]) -> bool:
    """Tell whether N4 was applied to a session."""
    return bool(manifest.get("BiasCorrection"))


def is_aligned_to_first(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a session was aligned to the first one of its participant, and not to the template."""
    target = manifest.get("TemplateAlignment", {}).get("target", paths.SPACE)
    return bool(target != paths.SPACE)


def checksums(facts: SessionFacts) -> dict[str, str]:
    """Return the SHA-256 of each file of the session, as its records state them."""
    return dict(_checksums(facts))


def _checksums(facts: SessionFacts) -> Iterator[tuple[str, str]]:
    parts = [*facts.manifest.get("Contrasts", {}).values()]
    parts += [facts.manifest.get(part, {}) for part in ("BrainMask", "Lesion")]
    for part in (*parts, *facts.imputed.values()):
        yield from part.get("files", {}).items()


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
    if any(row.action == "use" for row in facts.rows.values()):
        lines.append(["gliofill", "preprocess", raw, out, facts.folder, *_settings(facts.manifest)])
    lines += [
        ["gliofill", "impute", out, facts.folder, contrast, *_settings(facts.imputed.get(Contrast(contrast), {}))]
        for contrast, outcome in facts.reviews.items()
        if outcome["action"] == "impute"
    ]
    lines.append(["gliofill", "report", out, facts.folder])
    return [shlex.join(line) for line in lines]


def _settings(record: Mapping[str, Any]) -> list[str]:
    return ["--settings", json.dumps(record["Settings"])] if "Settings" in record else []


def raw_dataset(output_dir: Path) -> Path | None:
    """Return the raw dataset that ``dataset_description.json`` links to, None if it is not there any more."""
    link = urlsplit(str(read_if_there(output_dir / "dataset_description.json").get("DatasetLinks", {}).get("raw", "")))
    path = Path(unquote(link.path))
    return path if link.scheme == "file" and path.is_dir() else None


def reference_contrast(facts: SessionFacts) -> Contrast | None:
    """Return the contrast that the others were registered to, if preprocessing got that far."""
    name = facts.manifest.get("Reference")
    return Contrast(name) if name in set(map(str, Contrast)) else None
