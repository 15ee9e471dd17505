"""A text for a methods section that says what was done to the images, and the references that it cites."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from gliofill import __version__
from gliofill.report.content.provenance import ModelFacts, ModelIdentity
from gliofill.report.content.references import REFERENCES, Reference
from gliofill.report.status.session import SessionFacts

#: how brain masks came about, by the method that the records name
MASKS = {
    "network": "were made by a convolutional network that had trained on generated heads alone {billot} {hoopes}",
    "template": "were carried over from a head template by registration",
    "synthstrip": "were made with SynthStrip {hoopes}",
    "hd-bet": "were made with HD-BET {isensee}",
    "provided": "were provided with the data",
    "none": "are the voxels that an earlier brain extraction left",
}


@dataclass(frozen=True)
class Methods:
    """What was done to the images of one session, or of all sessions together.

    Attributes
    ----------
    models
        Behind the synthetic images; none if all images were acquired.
    bias_corrected
        Whether N4 was applied.
    masks
        In how many sessions the brain mask was made in which way, see `MASKS`.
    mask_models
        The networks that drew some of them.
    is_longitudinal
        Whether later sessions of a patient were aligned to the first.
    """

    models: frozenset[ModelIdentity] = frozenset()
    bias_corrected: bool = False
    masks: tuple[tuple[str, int], ...] = ()
    mask_models: tuple[str, ...] = ()
    is_longitudinal: bool = False

    @classmethod
    def of(cls, facts: SessionFacts, models: Iterable[ModelFacts]) -> Self:
        """Return what was done to the images of a session, by its records and the models behind its synthetic ones."""
        identities, record = frozenset(model.identity for model in models), facts.reviewed.record
        if record is None:
            return cls(identities)
        mask = record.brain_mask
        return cls(
            identities,
            bool(record.bias_correction),
            known_masks([mask.method] if mask else []),
            (mask.model,) if mask and mask.model else (),
            record.is_aligned_to_first,
        )

    @classmethod
    def together(cls, sessions: Sequence[Self]) -> Self:
        """Return what was done to the images of all sessions."""
        counts = Counter[str]()
        for session in sessions:
            counts.update(dict(session.masks))
        return cls(
            frozenset(model for session in sessions for model in session.models),
            any(session.bias_corrected for session in sessions),
            known_masks(counts.elements()),
            tuple(sorted({model for session in sessions for model in session.mask_models})),
            any(session.is_longitudinal for session in sessions),
        )

    def write(self) -> "MethodsText":
        """Return the text and what it cites."""
        text = MethodsText()
        text.add("Images were organised as BIDS {bids} and processed with gliofill ", __version__)
        text.add(", a workflow of Snakemake {snakemake} and Nipype {nipype}.")
        if self.masks:
            corrected = "corrected for intensity inhomogeneity with N4 {n4}, " if self.bias_corrected else ""
            text.add(
                f" The acquired contrasts were {corrected}aligned rigidly, through the session's reference contrast, "
                "to the ICBM 2009a symmetric template (MNI152NLin2009aSym) {mni} with ANTs {ants}, and resampled once "
                "to 1 mm."
            )
            if self.is_longitudinal:
                text.add(" Later sessions of a patient were aligned to the first one, which lies on the template.")
            text.add(f" {self._mask_sentence()}")
        for contrast, source, model in sorted({(m.contrast, m.source, m.model_id) for m in self.models}):
            text.add(
                f" Missing or unusable {_spoken(contrast)} images were synthesised from {_spoken(source)} images with "
                "a conditional generative adversarial network {isola} {genc} (model ",
                model,
            ).add("); synthetic images are marked as such in name, sidecar and header.")
        return text

    def _mask_sentence(self) -> str:
        drawn = f" (model {', '.join(self.mask_models)})" if self.mask_models else ""
        ways = [(MASKS[method] + (drawn if method == "network" else ""), count) for method, count in self.masks]
        if len(ways) == 1:
            return f"Brain masks {ways[0][0]}."
        return f"Brain masks {', and '.join(f'{way} in {count} sessions' for way, count in ways)}."


@dataclass
class MethodsText:
    """A paragraph, and the publications that it cites in their order."""

    text: str = ""
    cited: list[Reference] = field(default_factory=list)

    def add(self, template: str, literal: str = "") -> Self:
        """Append text in which ``{key}`` cites, and after it words that are taken as they are."""
        for piece in template.split("{"):
            key, brace, rest = piece.partition("}")
            self.text += f"[{self._number(key)}]{rest}" if brace else key
        self.text += literal
        return self

    def _number(self, key: str) -> int:
        if REFERENCES[key] not in self.cited:
            self.cited.append(REFERENCES[key])
        return self.cited.index(REFERENCES[key]) + 1

    @property
    def references(self) -> list[str]:
        """The numbered list of references."""
        return [f"{number}. {reference.line}" for number, reference in enumerate(self.cited, 1)]


def known_masks(methods: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Count the sessions of each way to a brain mask; those that are not known are left out."""
    found = Counter(methods)
    return tuple((method, found[method]) for method in MASKS if method in found)


def _spoken(contrast: str) -> str:
    return {"T1post": "post-gadolinium T1w", "T1w": "pre-gadolinium T1w"}.get(contrast, contrast)
