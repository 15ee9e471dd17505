"""``logs/CITATION.md``: what was done to a whole cohort, with what, and whom to cite for it; and the same as BibTeX."""

from collections.abc import Sequence
from pathlib import Path

from gliofill import __version__
from gliofill.cohort.review import read_manifest
from gliofill.derivatives import paths
from gliofill.files.atomic import write_text
from gliofill.report.content.facts import read_if_there
from gliofill.report.content.methods_text import Methods, MethodsText, known_masks
from gliofill.report.content.provenance import (
    ModelIdentity,
    is_aligned_to_first,
    is_bias_corrected,
    mask_method,
    mask_model,
    model_facts,
    package_versions,
)
from gliofill.report.status.summary import Summary

#: packages of whole steps, left out where their step did not run
_OF_STEPS = {"antspyx": "preprocessing", "nilearn": "preprocessing", "nipype": "preprocessing", "torch": "synthesis"}


def write_citation(output_dir: Path, summary: Summary) -> Path:
    """Write the citation of a run, as Markdown and its references as BibTeX.

    Parameters
    ----------
    output_dir
        Derivatives.
    summary
        Of its sessions; only what they used is named.

    Returns
    -------
    Path
        The Markdown file.
    """
    methods = gather_methods(output_dir, summary)
    text = methods.write()
    path = output_dir / paths.CITATION
    write_text(path, "\n".join(_lines(methods, text)) + "\n")
    write_text(path.with_suffix(".bib"), "\n\n".join(reference.bibtex for reference in text.cited) + "\n")
    return path


def gather_methods(output_dir: Path, summary: Summary) -> Methods:
    """Collect what was done from the records of all sessions."""
    models: set[ModelIdentity] = set()
    masks: list[str] = []
    mask_models: set[str] = set()
    bias_corrected = is_longitudinal = False
    for session in summary.sessions:
        manifest = read_manifest(output_dir, session.folder)
        masks.append(mask_method(manifest))
        mask_models |= {mask_model(manifest)} - {""}
        bias_corrected |= is_bias_corrected(manifest)
        is_longitudinal |= is_aligned_to_first(manifest)
        for contrast, state in session.states.items():
            if state == "synthetic":
                record = read_if_there(output_dir / paths.imputed_qc(session.folder, contrast))
                models.add(model_facts(output_dir, session.folder, contrast, record).identity)
    return Methods(frozenset(models), bias_corrected, known_masks(masks), tuple(sorted(mask_models)), is_longitudinal)


def _lines(methods: Methods, text: MethodsText) -> list[str]:
    return [
        "# How to cite this dataset",
        "",
        "For a methods section. The text names what was done to the images in this folder, and nothing else; the "
        f"references are also in `{Path(paths.CITATION).with_suffix('.bib').name}`.",
        "",
        f"> {text.text}",
        "",
        "Cite the raw dataset too, as its authors ask.",
        "",
        "## References",
        "",
        *text.references,
        "",
        "## Software",
        "",
        *_software(methods),
        *_models(sorted(methods.models, key=lambda model: (model.contrast, model.model_id))),
    ]


def _software(methods: Methods) -> list[str]:
    steps = {"preprocessing"} if methods.masks else set()
    steps |= {"synthesis"} if methods.models or methods.mask_models else set()
    used = {name: v for name, v in package_versions().items() if _OF_STEPS.get(name, "") in {"", *steps}}
    assert used["gliofill"] == __version__
    return [f"- {name} {version}" for name, version in used.items()]


def _models(models: Sequence[ModelIdentity]) -> list[str]:
    lines = ["", "## Models and their training data"] if models else []
    for model in models:
        lines += [
            "",
            f"**{model.model_id}** ({model.source} to {model.contrast}), weights SHA-256 `{model.sha256}`.",
            "",
        ]
        attribution = model.attribution or ("See MODEL_CARD.md beside the weights.",)
        lines += [f"- {line}" for line in attribution]
    return lines
