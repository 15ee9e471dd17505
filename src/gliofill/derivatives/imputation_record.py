"""The record of an imputation: what became of one gap, by which model, and how like its training data the source is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import write_record
from gliofill.files.typed_json import JsonRecord, key


@dataclass(frozen=True)
class DomainScore:
    """A measure of a source image: it is like the model's training images between `low` and `high`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SourceDomain:
    """Whether a source image is like those that the model was trained on.

    Attributes
    ----------
    known
        Whether the model tells what its training images were like.
    problems
        Sentences, one for each measure that lies outside.
    scores
        By the name of the measure.
    """

    known: bool
    problems: tuple[str, ...]
    scores: Mapping[str, DomainScore]


@dataclass(frozen=True, kw_only=True)
class ImputationRecord(JsonRecord):
    """The record of an imputation.

    Attributes
    ----------
    session
        ``sub-X[/ses-Y]``.
    contrast
        What was to be synthesised.
    version
        Of the gliofill that wrote it.
    settings
        Section ``impute`` of the configuration, as that version had it.
    model
        Identity of the model; empty, as what follows the reason, if nothing was synthesised.
    status
        ``ok``, ``gap`` or ``failed``.
    reason
        Why the contrast was synthesised, or why it was not.
    source, source_state
        Contrast that it was made from, and whether that is ``ok`` or ``flagged``.
    demonstration
        Whether the model is one that shows how the program works.
    attribution
        What the model's training data ask to be named and cited.
    domain
        None in early records.
    files, sidecars
        Checksums (SHA-256) of the images and their sidecars, by name relative to the output folder.
    """

    session: str = field(metadata=key("Session"))
    contrast: Contrast = field(metadata=key("Contrast"))
    version: str = field(metadata=key("GliofillVersion"))
    settings: Mapping[str, object] = field(default_factory=dict, metadata=key("Settings"))
    model: str = field(default="", metadata=key("Model"))
    status: str
    reason: str
    source: Contrast | None = field(default=None, metadata=key("source"))
    source_state: str = field(default="", metadata=key("source_state"))
    demonstration: bool | None = field(default=None, metadata=key("demonstration"))
    attribution: tuple[str, ...] | None = field(default=None, metadata=key("TrainingDataAttribution"))
    domain: SourceDomain | None = field(default=None, metadata=key("Domain"))
    files: Mapping[str, str] = field(default_factory=dict, metadata=key("files"))
    sidecars: Mapping[str, str] = field(default_factory=dict, metadata=key("sidecars"))

    @property
    def domain_problems(self) -> tuple[str, ...]:
        """Why the source is unlike the model's training images; empty if it is like them, or that is not known."""
        return self.domain.problems if self.domain else ()

    def write(self, output_dir: Path) -> None:
        """Write the record with its own checksum."""
        write_record(output_dir / paths.imputed_qc(self.session, self.contrast), self.to_json())


def read_imputation_record(output_dir: Path, folder: str, contrast: Contrast) -> ImputationRecord | None:
    """Return the record of an imputation; None if there is none.

    Raises
    ------
    GliofillError
        If the record is damaged.
    """
    path = output_dir / paths.imputed_qc(folder, contrast)
    return ImputationRecord.read(path) if path.is_file() else None
