"""``logs/CITATION.md``: what was done to a whole cohort, with what, and whom to cite for it; and the same as BibTeX."""

from collections.abc import Sequence
from pathlib import Path

from gliofill import __version__
from gliofill.derivatives import paths
from gliofill.files.atomic import write_text
from gliofill.report.content.methods_text import Methods, MethodsText
from gliofill.report.content.provenance import ModelIdentity, package_versions

#: packages of whole steps, left out where their step did not run
_OF_STEPS = {"antspyx": "preprocessing", "nilearn": "preprocessing", "nipype": "preprocessing", "torch": "synthesis"}


def write_citation(output_dir: Path, methods: Methods) -> Path:
    """Write the citation of a run, as Markdown and its references as BibTeX.

    Parameters
    ----------
    output_dir
        Derivatives.
    methods
        What was done to its images; nothing else is named.

    Returns
    -------
    Path
        The Markdown file.
    """
    text = methods.write()
    path = output_dir / paths.CITATION
    write_text(path, "\n".join(_lines(methods, text)) + "\n")
    write_text(path.with_suffix(".bib"), "\n\n".join(reference.bibtex for reference in text.cited) + "\n")
    return path


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
