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
from gliofill.bids import derivatives
from gliofill.contrasts import Contrast
from gliofill.report.facts import SessionFacts, read_if_there

#: packages whose version can change a result
PACKAGES = ("gliofill", "antspyx", "nipype", "torch", "nilearn", "nibabel", "numpy", "scipy", "snakemake")


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
    found = []
    for contrast, record in facts.imputed.items():
        sidecar = read_if_there(output_dir / derivatives.sidecar(derivatives.imputed(facts.folder, contrast)))
        method = sidecar.get("SynthesisMethod", {})
        found.append(
            ModelFacts(
                contrast=str(contrast),
                source=str(record.get("source", facts.rows[contrast].source)),
                model_id=str(record.get("Model", "n/a")),
                sha256=str(method.get("WeightsSHA256", "n/a")),
                version=str(record.get("GliofillVersion", "n/a")),
                reason=str(record.get("reason", "")),
                demonstration=bool(record.get("demonstration")),
            )
        )
    return found


def checksums(facts: SessionFacts) -> dict[str, str]:
    """Return the SHA-256 of each file of the session, as its records state them."""
    return dict(_checksums(facts))


def _checksums(facts: SessionFacts) -> Iterator[tuple[str, str]]:
    parts = [*facts.manifest.get("Contrasts", {}).values()]
    parts += [facts.manifest.get(part, {}) for part in ("BrainMask", "Lesion")]
    for part in (*parts, *facts.imputed.values()):
        yield from part.get("files", {}).items()


def commands(facts: SessionFacts, bids_dir: Path | None, output_dir: Path, settings: Mapping[str, Any]) -> list[str]:
    """Return the commands that make the session again, one by one.

    Parameters
    ----------
    facts
        The session.
    bids_dir
        Raw dataset; a placeholder stands in the commands if it is not known.
    output_dir
        Derivatives.
    settings
        Sections ``preprocess`` and ``impute`` of the configuration, as far as they are known.
    """
    raw, out = (str(bids_dir) if bids_dir else "BIDS_DIR"), str(output_dir)
    lines = []
    if any(row.action == "use" for row in facts.rows.values()):
        lines.append(["gliofill", "preprocess", raw, out, facts.folder, *_settings(settings, "preprocess")])
    lines += [
        ["gliofill", "impute", out, facts.folder, str(contrast), *_settings(settings, "impute")]
        for contrast, row in facts.rows.items()
        if row.action == "impute"
    ]
    lines.append(["gliofill", "report", out, facts.folder])
    return [shlex.join(line) for line in lines]


def _settings(settings: Mapping[str, Any], section: str) -> list[str]:
    return ["--settings", json.dumps(settings[section])] if section in settings else []


def raw_dataset(output_dir: Path) -> Path | None:
    """Return the raw dataset that ``dataset_description.json`` links to, None if it is not there any more."""
    link = urlsplit(str(read_if_there(output_dir / "dataset_description.json").get("DatasetLinks", {}).get("raw", "")))
    path = Path(unquote(link.path))
    return path if link.scheme == "file" and path.is_dir() else None


def reference_contrast(facts: SessionFacts) -> Contrast | None:
    """Return the contrast that the others were registered to, if preprocessing got that far."""
    name = facts.manifest.get("Reference")
    return Contrast(name) if name in set(map(str, Contrast)) else None
