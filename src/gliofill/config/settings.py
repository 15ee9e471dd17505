"""The settings: one frozen dataclass per section of the configuration, where each key is declared."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from gliofill.config.keys import Json, key, required
from gliofill.config.reading import Section, read_section
from gliofill.config.recipe import VARIANTS
from gliofill.contrasts import TASKS, Contrast
from gliofill.errors import GliofillError

_TASK_NAMES = tuple(task.name for task in TASKS)

Device = Literal["auto", "cpu", "cuda"]
#: what a model of a task may be instead of a folder
NamedModel = Literal["demo", "none"]


@dataclass(frozen=True)
class Thresholds(Section):
    """When an acquired image of one contrast counts as unusable."""

    min_slices: int = key(10, "Fewest voxels along any axis.", least=1)
    max_spacing_mm: float = key(8.0, "Coarsest voxel edge in millimetres.", above=0)
    max_pixel_mm: float = key(3.0, "Second coarsest voxel edge in millimetres.", above=0)
    max_anisotropy: float = key(20.0, "Longest voxel edge over the shortest.", least=1)
    plane: Literal["any", "axial", "coronal", "sagittal"] = key(
        "any", "Plane of the slices, from the affine; images with nearly isotropic voxels are in every plane."
    )
    max_gap: float = key(0.5, "Gap between slices as a share of their thickness, where the sidecar states it.", least=0)
    min_field_mm: float = key(100.0, "Shortest edge of the field of view in millimetres.", least=0)
    max_cut: float = key(
        0.6,
        "Head in the outermost slice at the top, a side or the back, as a share of its largest section; 0.6 at the "
        "top is a scan that ends about 3 cm below the skin of the vertex.",
        least=0,
    )
    max_slice_drop: float = key(
        0.35, "Distance of a slice's mean from those of its neighbours, as a share of theirs.", least=0
    )
    max_saturation: float = key(0.02, "Share of the head's voxels that have the highest value.", least=0)
    max_wrap: float = key(
        0.25, "Tissue that continues over a border of the image, as a share of the head's section.", least=0
    )
    max_stripes: float = key(
        0.05, "Amplitude of the stripes of a spike in k-space, as a share of the median of the head.", least=0
    )
    max_noise: float = key(0.15, "Standard deviation of the noise, as a share of the median of the head.", least=0)
    max_motion: float = key(2.5, "Log-odds that the head moved during the acquisition.")


@dataclass(frozen=True)
class UsabilitySettings(Thresholds):
    """When an acquired image counts as unusable."""

    cohort_outliers: bool = key(
        True,
        "Whether an image that is far worse than those of its contrast and of similar resolution is unusable, too.",
    )
    cohort_minimum: int = key(20, "With fewer similar images none is an outlier.", least=3)
    by_contrast: Mapping[str, Mapping[str, int | float | str]] = key(
        {}, "Thresholds of one contrast, instead of the common ones.", choices=tuple(Contrast), part_of=Thresholds
    )

    def for_contrast(self, contrast: str) -> Self:
        """Return the thresholds for one contrast: its own where it has some, else the common ones."""
        own = self.by_contrast.get(str(contrast), {})
        return read_section(type(self), {**vars(self), "by_contrast": {}, **own})


#: values of ``preprocess.brain_mask`` that stand for a third-party tool, and what its weights are
PROGRAMS: Mapping[str, str] = {
    "synthstrip": "the file of SynthStrip's weights, as synthstrip.1.pt",
    "hd-bet": "the folder of HD-BET's weights, as release_2.0.0",
}
#: what that folder has; where the first is missing, HD-BET would download
_HD_BET_FILES = ("fold_all/checkpoint_final.pth", "dataset.json", "plans.json")


@dataclass(frozen=True)
class PreprocessSettings(Section):
    """How a session is preprocessed."""

    output_spaces: tuple[Literal["template", "native"], ...] = key(
        ("template",),
        "Images on the template's grid are always written. With native there are also images in the session's own "
        "space, on the grid of its reference contrast (space-individual).",
    )
    align_sessions: Literal["template", "first"] = key(
        "template",
        "What a session is aligned to. With first, the later sessions of a participant are aligned to the first one, "
        "which is aligned to the template: follow-ups lie on each other. The first is that of the sessions with "
        "usable images whose label sorts first.",
    )
    derivatives: Mapping[str, Path] = key(
        {},
        "Derivatives datasets by name, for instance {hdbet: /data/derivatives/hdbet}. Where one has a brain mask of a "
        "session in native space (sub-X[_ses-Y]_desc-brain_mask.nii.gz), it stands in for brain_mask; a lesion mask "
        "(label-lesion, mask or dseg) for lesion_pattern.",
    )
    brain_mask: Literal["network", "template", "synthstrip", "hd-bet", "none"] = key(
        "network",
        "network finds the brain in an image of any contrast; template carries the mask of a head template over by "
        "registration; synthstrip and hd-bet run these third-party tools, which you install; none is for images that "
        "are already skull-stripped (mask of non-zero voxels). Masks of your own: see derivatives.",
    )
    brain_model: Path | None = key(
        None,
        "For network, a folder made by `gliofill train-brain`; empty takes the embedded model. For synthstrip, the "
        "file of its weights (synthstrip.1.pt); for hd-bet, the folder of its weights (release_2.0.0, with "
        "fold_all/checkpoint_final.pth). You fetch these yourself.",
    )
    brain_border_mm: float = key(
        1.0,
        "For network and synthstrip, how far the mask goes beyond the tissue, as other tools' masks do (SynthStrip's "
        "border); more keeps more CSF over the gyri.",
        least=-3,
        most=5,
    )
    brain_program: str = key(
        "",
        "For synthstrip and hd-bet, the name or path of the program; empty looks for mri_synthstrip, then "
        "nipreps-synthstrip, and for hd-bet.",
    )
    brain_device: Literal["cpu", "cuda"] = key(
        "cpu", "Where synthstrip and hd-bet work; with cuda a job of a session counts as one on a GPU."
    )
    head_template: Path | None = key(
        None, "For template, a T1w head to use instead of the built-in one; needs head_template_mask."
    )
    head_template_mask: Path | None = key(None, "The brain mask of head_template.")
    lesion_pattern: str = key(
        "derivatives/lesions/{folder}/anat/{prefix}_label-lesion_dseg.nii.gz",
        'Where lesion masks are, relative to bids_dir; {folder} is sub-X[/ses-Y], {prefix} the same with "_", {suffix} '
        'the BIDS suffix of a contrast, {ce} is "ce-gadolinium_" or nothing. A pattern without contrast applies to the '
        "contrast whose grid it shares. Empty means there are none.",
    )
    interpolation: Literal["linear", "sinc"] = key(
        "linear", "How intensities are resampled; sinc is windowed and clipped."
    )
    bias_correction: bool = key(True, "Whether N4 runs.")

    @property
    def runs_program(self) -> bool:
        """Whether a third-party tool finds the brain."""
        return self.brain_mask in PROGRAMS

    @property
    def measures_brain(self) -> bool:
        """Whether the distance from the brain is measured in an image, so that contrasts can vote."""
        return self.brain_mask == "network" or self.runs_program

    @property
    def weights(self) -> Path:
        """Weights of the third-party tool that finds the brain: a file, or a folder of files.

        Raises
        ------
        GliofillError
            If they are not there.
        """
        wanted = f"give {PROGRAMS[self.brain_mask]}, which gliofill does not download"
        if self.brain_model is None:
            raise GliofillError(f"preprocess.brain_model is empty; {wanted}")
        names = _HD_BET_FILES if self.brain_mask == "hd-bet" else ("",)
        for file in (self.brain_model / name for name in names):
            if not file.is_file():
                raise GliofillError(f"preprocess.brain_model: {file}: no such file; {wanted}")
        return self.brain_model


@dataclass(frozen=True)
class ImputeSettings(Section):
    """Which models fill which gap, and how."""

    models: Mapping[str, Path | NamedModel] = key(
        {"T2w-to-FLAIR": "demo", "T1post-to-T1w": "demo"},
        'Per task the folder of a trained model, "demo" for the embedded demonstration model, or "none" to leave the '
        "gap.",
        choices=_TASK_NAMES,
    )
    device: Device = key("auto", "auto takes a GPU if there is one.")
    batch_size: int = key(8, "Slices per forward pass.", least=1)
    flip_average: bool = key(True, "Average with the prediction of the mirrored slice.")


@dataclass(frozen=True)
class AuditSettings(Section):
    """How the models are tried on complete sessions of the cohort, whose target is hidden."""

    sessions: int = key(20, "Complete sessions that are tried; 0 switches the audit off.", least=0)
    seed: int = key(0, "Another seed, another sample.", least=0)


@dataclass(frozen=True)
class SplitSettings(Section):
    """How patients are divided into those to train on, to validate on and to test on."""

    scheme: Literal["fractions", "folds", "leave-one-out"] = key(
        "fractions",
        "fractions makes one division; folds and leave-one-out test every patient once, with as many models.",
    )
    fractions: tuple[float, float, float] = key(
        (265.0, 67.0, 84.0), "Proportions of training, validation and test patients.", above=0
    )
    folds: int = key(5, "Groups of the scheme folds.", least=3)
    seed: int = key(0, "Another seed, another division.", least=0)
    strata: tuple[str, ...] = key((), "Columns of participants.tsv that every set has in equal shares.")
    alias: str = key("", "Column that names the person; participants with one name stay together.")
    table: Path | None = key(None, "participants.tsv; empty means that of bids_dir.")


@dataclass(frozen=True)
class TrainSettings(Section):
    """What is trained, and on what."""

    derivatives: Path | None = key(None, "A folder of preprocessed sessions; empty means output_dir.")
    tasks: tuple[str, ...] = key(_TASK_NAMES, "What is trained.", choices=_TASK_NAMES)
    recipe: str = key(
        "paper", 'Name of a file in config/recipes, path of a recipe, or "tuned" for the result of the rule tune.'
    )
    variants: tuple[str, ...] = key(
        ("lesion", "nolesion"),
        "With and without lesion-mask loss as in the paper; l1 is a plain regression.",
        choices=tuple(VARIANTS),
    )
    compare: tuple[str, ...] = key((), "Other recipes that are trained and evaluated beside it.")
    device: Device = key("auto", "auto takes a GPU if there is one.")


@dataclass(frozen=True)
class TuneSettings(Section):
    """How hyperparameters are searched, on the first fold."""

    recipe: str = key("paper", "Where the search starts; its section search has the bounds.")
    trials: int = key(40, "Trainings of the search.", least=1)
    workers: int = key(1, "Jobs that share the trials of a task.", least=1)
    top: int = key(3, "Settings that are trained again before one is chosen.", least=1)
    repeats: int = key(3, "Seeds with which each of them is trained.", least=1)


@dataclass(frozen=True)
class EvaluateSettings(Section):
    """What the tables are broken down by."""

    strata: tuple[str, ...] = key((), "Columns of participants.tsv.")


@dataclass(frozen=True)
class ThreadSettings(Section):
    """Threads of one job of each rule."""

    coverage: int = key(8, "Images that are measured at a time, and pages that are written at a time.", least=1)
    preprocess: int = key(1, "Of a session that is preprocessed.", least=1)
    impute: int = key(4, "Of an image that is synthesised, and of the audit.", least=1)
    train: int = key(8, "Of tuning, training and evaluation.", least=1)


@dataclass(frozen=True)
class Settings(Section):
    """The whole configuration."""

    bids_dir: Path = required("The raw BIDS dataset. It is only read, never written.")
    output_dir: Path = required("Where the derivatives go.")
    work_dir: Path | None = key(
        None, "Scratch folder for one session at a time; empty means a hidden folder in output_dir."
    )
    participants: tuple[str, ...] = key((), 'Only these participants, with or without "sub-"; empty means all.')
    exclude_participants: tuple[str, ...] = key((), 'Participants to leave out, with or without "sub-".')
    sessions: tuple[str, ...] = key((), 'Only these sessions, with or without "ses-"; empty means all.')
    bids_filter: Json = key(
        Json("{}"),
        "Entities that an image must have to count as a contrast, as a mapping from contrast to entities.",
    )
    review_table: Path | None = key(
        None,
        "A reviewer's decisions on single images, tab-separated, with the columns participant, session, contrast, use "
        "(yes or no) and reason. They stand above every automatic verdict; only the sessions whose rows change run "
        "again.",
    )
    check_space: bool = key(
        True,
        "Whether a run is refused if there is too little room for its images and scratch files: 30 MB per session and "
        "output space, and 450 MB per session that is at work.",
    )
    stop_on_first_crash: bool = key(
        False,
        "Whether the first failing step ends the run, instead of being listed while all other sessions go on. What "
        "runs at that moment is finished.",
    )
    usability: UsabilitySettings = UsabilitySettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    impute: ImputeSettings = ImputeSettings()
    audit: AuditSettings = AuditSettings()
    split: SplitSettings = SplitSettings()
    train: TrainSettings = TrainSettings()
    tune: TuneSettings = TuneSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    threads: ThreadSettings = ThreadSettings()

    @property
    def scratch(self) -> str:
        """Absolute path of `work_dir`; empty for a hidden folder in the output folder."""
        return str(self.work_dir or "")
