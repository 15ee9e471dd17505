"""The record of a session: what preprocessing did, to which files, with which scores and verdicts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.records import write_record
from gliofill.files.typed_json import JsonRecord, key
from gliofill.quality.verdict import Verdict

#: scores of a registration or of a brain mask, by name
Scores = Mapping[str, float]
#: checksums (SHA-256), by the name of the file relative to the output folder
Checksums = Mapping[str, str]


@dataclass(frozen=True)
class Attempt:
    """One optimisation of a registration: where it started, its scores before and after, what speaks against it."""

    start: str
    before: Scores
    after: Scores
    problem: str


@dataclass(frozen=True, kw_only=True)
class Registration(JsonRecord):
    """A registration and its attempts.

    Attributes
    ----------
    target
        What a session was aligned to: the label of the template, or the BIDS URI of an image of the patient's first
        session. Empty for a contrast, which is registered to the reference of its session.
    problem
        What speaks against the best attempt; empty if nothing does.
    best
        Position of the best attempt.
    attempts
        At least one.
    """

    target: str = field(default="", metadata=key("target"))
    problem: str
    best: int
    attempts: tuple[Attempt, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.best < len(self.attempts):
            raise ValueError(f"best is {self.best}, there are {len(self.attempts)} attempts")

    @property
    def best_attempt(self) -> Attempt:
        """The attempt that was taken."""
        return self.attempts[self.best]


@dataclass(frozen=True, kw_only=True)
class BrainMask:
    """The brain mask of a session.

    Attributes
    ----------
    method
        Setting ``brain_mask``, or ``provided``.
    volume_ml
        In millilitres.
    head_template, model, program, weights, weights_sha256
        What made it; empty where the method has no such thing.
    border_mm, voters, agreement
        Distance of the border from the surface of the brain; contrasts whose median the mask is; and Dice of each
        contrast's own mask with that of the others. None and empty where only the reference was looked at.
    sources
        BIDS URIs of the images that it was made from.
    files, sidecars
        Checksums of the mask in each space, and of the sidecars.
    scores
        See `gliofill.quality.preprocessed.brain_mask.MaskScores`.
    """

    method: str
    volume_ml: float | None = field(default=None, metadata=key("volume_mL"))
    head_template: str = field(default="", metadata=key("head_template"))
    model: str = field(default="", metadata=key("model"))
    program: str = field(default="", metadata=key("program"))
    weights: str = field(default="", metadata=key("weights"))
    weights_sha256: str = field(default="", metadata=key("weights_sha256"))
    border_mm: float | None = field(default=None, metadata=key("border_mm"))
    voters: tuple[Contrast, ...] | None = field(default=None, metadata=key("voters"))
    agreement: Mapping[Contrast, float] = field(default_factory=dict, metadata=key("agreement"))
    sources: tuple[str, ...] = field(default=(), metadata=key("sources"))
    files: Checksums = field(default_factory=dict, metadata=key("files"))
    sidecars: Checksums = field(default_factory=dict, metadata=key("sidecars"))
    scores: Scores = field(default_factory=dict, metadata=key("scores"))


@dataclass(frozen=True, kw_only=True)
class PreprocessedContrast:
    """What preprocessing made of an acquired contrast.

    Attributes
    ----------
    status
        ``ok``, ``flagged``, ``unusable`` or ``failed``.
    reason
        Why; empty if ok.
    source
        BIDS URI of the acquired image.
    registration
        To the reference; None for the reference itself.
    files, sidecars
        Checksums of images and transforms, and of the sidecars.
    confirmed_by
        Contrast that confirmed a doubted registration.
    verdicts
        Why it is unusable; None if it was not judged.
    identity
        What it looks like (``look``), and the numbers behind that; empty if it was not asked.
    """

    status: str
    reason: str
    source: str = field(default="", metadata=key("source"))
    registration: Registration | None = field(default=None, metadata=key("registration"))
    files: Checksums = field(default_factory=dict, metadata=key("files"))
    sidecars: Checksums = field(default_factory=dict, metadata=key("sidecars"))
    confirmed_by: Contrast | None = field(default=None, metadata=key("confirmed_by"))
    verdicts: tuple[Verdict, ...] | None = field(default=None, metadata=key("verdicts"))
    identity: Mapping[str, float | str] = field(default_factory=dict, metadata=key("identity"))


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """Lesion labels that were carried over: ``ok`` with the contrast on whose grid they came, or ``failed``."""

    status: str
    reason: str = field(default="", metadata=key("reason"))
    source: str = field(default="", metadata=key("source"))
    grid: Contrast | None = field(default=None, metadata=key("grid"))
    files: Checksums = field(default_factory=dict, metadata=key("files"))
    sidecars: Checksums = field(default_factory=dict, metadata=key("sidecars"))


@dataclass(frozen=True, kw_only=True)
class SessionRecord(JsonRecord):
    """The record of a session.

    Attributes
    ----------
    session
        ``sub-X[/ses-Y]``.
    version
        Of the gliofill that wrote it.
    reference
        Contrast that the others were registered to; None if the session could not be planned.
    bias_correction
        Whether N4 was applied; None likewise.
    spaces
        BIDS labels of the output spaces; empty, as what follows, if no brain mask was found.
    brain_mask, template_alignment
        None likewise.
    contrasts
        Those that were to be preprocessed.
    lesion
        None if there are no labels.
    problems
        What was asked for and could not be done.
    settings
        Section ``preprocess`` of the configuration, as the version that wrote it had it.
    """

    session: str = field(metadata=key("Session"))
    version: str = field(metadata=key("GliofillVersion"))
    reference: Contrast | None = field(default=None, metadata=key("Reference"))
    bias_correction: bool | None = field(default=None, metadata=key("BiasCorrection"))
    spaces: tuple[str, ...] = field(default=(), metadata=key("Spaces"))
    brain_mask: BrainMask | None = field(default=None, metadata=key("BrainMask"))
    template_alignment: Registration | None = field(default=None, metadata=key("TemplateAlignment"))
    contrasts: Mapping[Contrast, PreprocessedContrast] = field(metadata=key("Contrasts"))
    lesion: Lesion | None = field(default=None, metadata=key("Lesion"))
    problems: tuple[str, ...] | None = field(default=None, metadata=key("Problems"))
    settings: Mapping[str, object] = field(default_factory=dict, metadata=key("Settings"))

    @property
    def parts(self) -> Iterator[PreprocessedContrast | BrainMask | Lesion]:
        """What has files."""
        yield from self.contrasts.values()
        yield from (part for part in (self.brain_mask, self.lesion) if part is not None)

    @property
    def failures(self) -> dict[str, str]:
        """Reason for each contrast that failed, and for the ``lesion``."""
        reasons = {str(contrast): e.reason for contrast, e in self.contrasts.items() if e.status == "failed"}
        if self.lesion and self.lesion.status == "failed":
            reasons["lesion"] = self.lesion.reason
        return reasons

    @property
    def is_aligned_to_first(self) -> bool:
        """Whether the session was aligned to the first one of its patient, and not to the template."""
        alignment = self.template_alignment
        return alignment is not None and alignment.target not in ("", paths.SPACE)

    def write(self, output_dir: Path) -> None:
        """Write the record with its own checksum."""
        write_record(output_dir / paths.session_qc(self.session), self.to_json())


def read_session_record(output_dir: Path, folder: str) -> SessionRecord | None:
    """Return the record of a session; None if it was not preprocessed.

    Raises
    ------
    GliofillError
        If the record is damaged.
    """
    path = output_dir / paths.session_qc(folder)
    return SessionRecord.read(path) if path.is_file() else None
