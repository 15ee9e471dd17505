"""The model card: the facts of ``model.json`` for a reader."""

from collections.abc import Mapping
from typing import Any

_HEADINGS = {
    "method": "Method",
    "ssim": "SSIM brain ↑",
    "mae": "MAE brain ↓",
    "lesion_ssim": "SSIM lesion ↑",
    "lesion_mae": "MAE lesion ↓",
}


def render_card(metadata: Mapping[str, Any]) -> str:
    """Return the model card of a model, as Markdown.

    Parameters
    ----------
    metadata
        Content of ``model.json``.
    """
    source, target = metadata["task"].split("-to-")
    return "\n".join(
        [
            f"# {metadata['model_id']}",
            "",
            f"A generator of **synthetic** {target} images from {source} images of the same brain.",
            *_warning(metadata),
            "",
            "## Intended use",
            "",
            f"To complete cohorts for research in which some sessions lack {target}: brain MRI of adults with glioma,",
            "skull-stripped and rigidly aligned to the 1 mm grid of MNI152NLin2009aSym by gliofill.",
            "",
            "## Limits",
            "",
            "- The output is not an acquired image. It must not be used for diagnosis or treatment.",
            "- Structures visible only in the target contrast cannot be known from the source; small or unusual",
            "  lesions may be missing or invented.",
            "- Scanners, sequences and diseases absent from the training data are untested.",
            f"- Intensities are on the median scale of the training targets, {_scale(metadata)}.",
            "",
            "## Training",
            "",
            *_training(metadata),
            "",
            "## Domain",
            "",
            *_domain(metadata.get("domain")),
            "",
            "## Validation",
            "",
            *_validation(metadata["validation"]),
            "",
            "## File",
            "",
            f"`weights.safetensors`, SHA-256 `{metadata['weights_sha256']}`",
            "",
        ]
    )


def _warning(metadata: Mapping[str, Any]) -> list[str]:
    if not metadata["demonstration"]:
        return []
    return ["", "> **For demonstration.** It shows what the program does; train a model on your own data for research."]


def _scale(metadata: Mapping[str, Any]) -> str:
    low, high = metadata["intensity"]["output_scale"]
    return f"{low:.4g} to {high:.4g}"


def _training(metadata: Mapping[str, Any]) -> list[str]:
    data, recipe = metadata["training_data"], metadata["recipe"]
    settings = ", ".join(f"{key} {value}" for key, value in recipe.items() if key != "name")
    software = ", ".join(f"{name} {version}" for name, version in metadata["software"].items())
    return [
        f"- Data: {len(data['sessions'])} sessions of {len(data['participants'])} participants "
        f"({', '.join(data['participants'])}).",
        f"- Recipe `{recipe['name']}`: {settings}.",
        f"- Software: {software}.",
        # model.json may name the licences and citations that the training data ask for
        *(f"- {line}" for line in metadata.get("attribution", ())),
    ]


def _domain(domain: Mapping[str, Any] | None) -> list[str]:
    if domain is None:
        return ["What the training images looked like was not measured, or there were too few: no image is warned of."]
    lines = [
        f"The training images of {domain['patients']} participants span these ranges. A source image far outside them,",
        "or with intensities unlike all of theirs, is imputed with a warning.",
        "",
        "| measure | from | to |",
        "|---|---|---|",
    ]
    return lines + [f"| {name} | {low:g} | {high:g} |" for name, (low, high) in domain["ranges"].items()]


def _validation(rows: list[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["No validation sessions were given."]
    sessions = len({row["session"] for row in rows})
    lines = [
        f"Means over {sessions} held-out sessions, inside the mask, on a fixed [0, 1] scale per volume.",
        "A model is worth using where it beats the rows below it.",
        "",
        "| " + " | ".join(_HEADINGS.values()) + " |",
        "|---" * len(_HEADINGS) + "|",
    ]
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        cells = [_mean([row[key] for row in own if row[key] is not None]) for key in list(_HEADINGS)[1:]]
        lines.append(f"| {' | '.join([method, *cells])} |")
    return lines


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else "n/a"
