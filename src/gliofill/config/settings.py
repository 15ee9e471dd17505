"""The settings: one frozen dataclass per section of the configuration."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from gliofill.errors import GliofillError


class Section:
    """A configuration section that travels between rules and subcommands as JSON."""

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Make the section from a JSON object; absent keys keep their defaults.

        Raises
        ------
        GliofillError
            If the text is not a JSON object or has a key that the section lacks.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise GliofillError(f"--settings is not JSON ({error})") from error
        known = [item.name for item in fields(cls)]  # type: ignore[arg-type]
        for key in content:
            if key not in known:
                raise GliofillError(f"--settings: unknown key {key!r}{did_you_mean(key, known)}")
        return cls(**frozen(content))

    def to_json(self) -> str:
        """Return the section as one line of JSON."""
        return json.dumps(asdict(self))  # type: ignore[call-overload]


def frozen(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with lists made tuples, as frozen sections hold them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}


@dataclass(frozen=True)
class UsabilitySettings(Section):
    """When an acquired image counts as unusable; what each key means stands in the schema."""

    min_slices: int = 10
    max_spacing_mm: float = 8.0
    max_pixel_mm: float = 3.0
    max_anisotropy: float = 20.0
    plane: str = "any"
    max_gap: float = 0.5
    min_field_mm: float = 100.0
    max_cut: float = 0.6
    max_slice_drop: float = 0.35
    max_saturation: float = 0.02
    max_wrap: float = 0.25
    max_stripes: float = 0.05
    max_noise: float = 0.15
    max_motion: float = 2.5
    cohort_outliers: bool = True
    cohort_minimum: int = 20
    by_contrast: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def for_contrast(self, contrast: str) -> Self:
        """Return the thresholds for one contrast: its own where it has some, else the common ones."""
        return replace(self, by_contrast={}, **self.by_contrast.get(str(contrast), {}))


#: values of ``preprocess.brain_mask`` that stand for a program of others, and what its weights are
PROGRAMS: Mapping[str, str] = {
    "synthstrip": "the file of SynthStrip's weights, as synthstrip.1.pt",
    "hd-bet": "the folder of HD-BET's weights, as release_2.0.0",
}
#: what that folder has; where the first is missing, HD-BET would download
_HD_BET_FILES = ("fold_all/checkpoint_final.pth", "dataset.json", "plans.json")


def weights_problem(brain_mask: str, brain_model: str) -> str:
    """Return what is wrong with the weights of a program; empty if nothing is.

    Parameters
    ----------
    brain_mask
        One of `PROGRAMS`.
    brain_model
        Path of the weights.
    """
    wanted = f"give {PROGRAMS[brain_mask]}, which gliofill does not download"
    if not brain_model:
        return f"is empty; {wanted}"
    files = [Path(brain_model, name) for name in _HD_BET_FILES] if brain_mask == "hd-bet" else [Path(brain_model)]
    missing = next((file for file in files if not file.is_file()), None)
    return f"{missing}: no such file; {wanted}" if missing else ""


@dataclass(frozen=True)
class PreprocessSettings(Section):
    """How a session is preprocessed."""

    output_spaces: tuple[str, ...] = ("template",)
    align_sessions: str = "template"
    derivatives: Mapping[str, str] = field(default_factory=dict)
    brain_mask: str = "network"
    brain_model: str = ""
    brain_border_mm: float = 1.0
    brain_program: str = ""
    brain_device: str = "cpu"
    brain_mask_pattern: str = "derivatives/brainmasks/{folder}/anat/{prefix}_{ce}desc-{suffix}brain_mask.nii.gz"
    head_template: str = ""
    head_template_mask: str = ""
    lesion_pattern: str = "derivatives/lesions/{folder}/anat/{prefix}_label-lesion_dseg.nii.gz"
    interpolation: str = "linear"
    bias_correction: bool = True

    @property
    def runs_program(self) -> bool:
        """Whether a program of others finds the brain."""
        return self.brain_mask in PROGRAMS

    @property
    def measures_brain(self) -> bool:
        """Whether the distance from the brain is measured in an image, so that contrasts can vote."""
        return self.brain_mask == "network" or self.runs_program


@dataclass(frozen=True)
class ImputeSettings(Section):
    """Which models fill which gap, and how."""

    models: Mapping[str, str] = field(default_factory=lambda: {"T2w-to-FLAIR": "demo", "T1post-to-T1w": "demo"})
    device: str = "auto"
    batch_size: int = 8
    flip_average: bool = True


@dataclass(frozen=True)
class AuditSettings(Section):
    """On how many complete sessions of the cohort the models are tried."""

    sessions: int = 20
    seed: int = 0


@dataclass(frozen=True)
class SplitSettings(Section):
    """How patients are divided into those to train on, to validate on and to test on."""

    scheme: str = "fractions"
    fractions: tuple[float, ...] = (265, 67, 84)
    folds: int = 5
    seed: int = 0
    strata: tuple[str, ...] = ()
    alias: str = ""
    table: str = ""


@dataclass(frozen=True)
class TrainSettings(Section):
    """What is trained, and on what."""

    derivatives: str = ""
    tasks: tuple[str, ...] = ("T2w-to-FLAIR", "T1post-to-T1w")
    recipe: str = "paper"
    variants: tuple[str, ...] = ("lesion", "nolesion")
    compare: tuple[str, ...] = ()
    device: str = "auto"


@dataclass(frozen=True)
class TuneSettings(Section):
    """How hyperparameters are searched."""

    recipe: str = "paper"
    trials: int = 40
    workers: int = 1
    top: int = 3
    repeats: int = 3


@dataclass(frozen=True)
class EvaluateSettings(Section):
    """What the tables are broken down by."""

    strata: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThreadSettings(Section):
    """Threads that each rule declares and obeys."""

    coverage: int = 8
    preprocess: int = 1
    impute: int = 4
    train: int = 8


@dataclass(frozen=True)
class Settings:
    """The whole configuration."""

    bids_dir: Path
    output_dir: Path
    work_dir: str = ""
    participants: tuple[str, ...] = ()
    exclude_participants: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    bids_filter: Mapping[str, Any] = field(default_factory=dict)
    review_table: Path | None = None
    stop_on_first_crash: bool = False
    check_space: bool = True
    usability: UsabilitySettings = field(default_factory=UsabilitySettings)
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    impute: ImputeSettings = field(default_factory=ImputeSettings)
    audit: AuditSettings = AuditSettings()
    split: SplitSettings = SplitSettings()
    train: TrainSettings = TrainSettings()
    tune: TuneSettings = TuneSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    threads: ThreadSettings = ThreadSettings()

    @property
    def scratch(self) -> str:
        """Absolute path of `work_dir`; empty for a hidden folder in the output folder."""
        return self.work_dir and str(Path(self.work_dir).expanduser().resolve())


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the end of an error message that suggests the nearest known word, or lists all.

    Examples
    --------
    >>> did_you_mean("bids_dri", ["bids_dir", "output_dir"])
    "; did you mean 'bids_dir'?"
    """
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
