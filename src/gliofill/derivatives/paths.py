"""Names of the files that gliofill writes, relative to the output folder.

`folder` is a session's path below a BIDS root: ``sub-01`` or ``sub-01/ses-pre``.
"""

from gliofill.contrasts import Contrast, Task

#: BIDS label of the ICBM 2009a symmetric template, whose 1 mm grid all outputs share
SPACE = "MNI152NLin2009aSym"

#: BIDS label of a session's own space: that of its reference contrast, on the grid of that image
NATIVE = "individual"

#: where that template is described
SPATIAL_REFERENCE = "https://www.bic.mni.mcgill.ca/ServicesAtlases/ICBM152NLin2009"

COVERAGE = "desc-contrasts_coverage.tsv"
COMPLETE = "desc-complete_contrasts.tsv"
FAILURES = "failures.tsv"
#: verdicts after preprocessing and what a reviewer made of them; scores of the raw images
REVIEW = "desc-contrasts_review.tsv"
QUALITY = "desc-contrasts_quality.tsv"
#: the page over the cohort, and the numbers that it plots
INDEX = "index.html"
SCORES = "desc-contrasts_scores.tsv"
#: a folder of logs for each step
LOGS = "logs"
#: whom to cite for what a run did
CITATION = f"{LOGS}/CITATION.md"
CITATION_FILES = (CITATION, f"{LOGS}/CITATION.bib")
#: what the finished run printed
STATUS = f"{LOGS}/status.txt"
#: scripts that the session pages share
PAGE_ASSETS = "report"

#: what the audit tells of the models on this cohort, and which sessions it looked at
AUDIT_METRICS = "desc-audit_metrics.tsv"
AUDIT_SUMMARY = "desc-audit_summary.tsv"
AUDIT_SESSIONS = "desc-audit_sessions.tsv"


def _anat(folder: str, *entities: str, ending: str) -> str:
    name = "_".join(entity for entity in (folder.replace("/", "_"), *entities, ending) if entity)
    return f"{folder}/anat/{name}"


def preprocessed(folder: str, contrast: Contrast, *, space: str = SPACE) -> str:
    """Return the registered, bias-corrected, stripped image of a contrast.

    Examples
    --------
    >>> preprocessed("sub-01", Contrast.T1POST)
    'sub-01/anat/sub-01_ce-gadolinium_space-MNI152NLin2009aSym_desc-preproc_T1w.nii.gz'
    """
    return _anat(folder, contrast.ce_entity, f"space-{space}", "desc-preproc", ending=f"{contrast.suffix}.nii.gz")


def imputed(folder: str, contrast: Contrast, *, space: str = SPACE) -> str:
    """Return the synthetic image of a contrast.

    Examples
    --------
    >>> imputed("sub-01/ses-pre", Contrast.FLAIR)
    'sub-01/ses-pre/anat/sub-01_ses-pre_space-MNI152NLin2009aSym_desc-imputed_FLAIR.nii.gz'
    """
    return _anat(folder, contrast.ce_entity, f"space-{space}", "desc-imputed", ending=f"{contrast.suffix}.nii.gz")


def uncertainty(folder: str, contrast: Contrast, *, space: str = SPACE) -> str:
    """Return the map of how far the truth may lie from the synthetic image of a contrast.

    Examples
    --------
    >>> uncertainty("sub-01", Contrast.T1W)
    'sub-01/anat/sub-01_space-MNI152NLin2009aSym_desc-uncertainty_T1w.nii.gz'
    """
    return _anat(folder, contrast.ce_entity, f"space-{space}", "desc-uncertainty", ending=f"{contrast.suffix}.nii.gz")


def imputed_files(folder: str, contrast: Contrast) -> tuple[str, ...]:
    """Return the files of a synthetic image, in all spaces: image, uncertainty and their sidecars; not the record.

    Examples
    --------
    >>> len(imputed_files("sub-01", Contrast.T1W))
    8
    """
    images = (kind(folder, contrast, space=space) for space in (SPACE, NATIVE) for kind in (imputed, uncertainty))
    return tuple(file for image in images for file in (image, sidecar(image)))


def brain_mask(folder: str, *, space: str = SPACE) -> str:
    """Return the brain mask of a session."""
    return _anat(folder, f"space-{space}", "desc-brain", ending="mask.nii.gz")


def lesion(folder: str, *, space: str = SPACE) -> str:
    """Return the lesion labels of a session."""
    return _anat(folder, f"space-{space}", "seg-lesion", ending="dseg.nii.gz")


def transform(folder: str, contrast: Contrast, *, inverse: bool = False) -> str:
    """Return the rigid transform from a contrast's native space to the template, or its inverse.

    Examples
    --------
    >>> transform("sub-01", Contrast.FLAIR, inverse=True)
    'sub-01/anat/sub-01_from-MNI152NLin2009aSym_to-FLAIR_mode-image_xfm.txt'
    """
    ends = (SPACE, contrast.suffix) if inverse else (contrast.suffix, SPACE)
    return _anat(folder, contrast.ce_entity, f"from-{ends[0]}", f"to-{ends[1]}", "mode-image", ending="xfm.txt")


def session_qc(folder: str) -> str:
    """Return the record of a session: what was done, to which files, with which scores."""
    return _anat(folder, "desc-contrasts", ending="qc.json")


def imputed_qc(folder: str, contrast: Contrast) -> str:
    """Return the record of one imputation.

    Examples
    --------
    >>> imputed_qc("sub-01", Contrast.T1W)
    'sub-01/anat/sub-01_desc-imputedT1w_qc.json'
    """
    return _anat(folder, f"desc-imputed{contrast}", ending="qc.json")


def montage(folder: str) -> str:
    """Return the picture of a session's complete set of contrasts."""
    return f"{folder.split('/')[0]}/figures/{folder.replace('/', '_')}_desc-complete_contrasts.png"


def audit_panels(folder: str, target: Contrast) -> str:
    """Return the picture of a session whose acquired contrast was hidden and imputed.

    Examples
    --------
    >>> audit_panels("sub-01/ses-pre", Contrast.FLAIR)
    'sub-01/figures/sub-01_ses-pre_desc-auditFLAIR_panels.png'
    """
    return f"{folder.split('/')[0]}/figures/{folder.replace('/', '_')}_desc-audit{target}_panels.png"


def audit_part(task: Task, table: str) -> str:
    """Return the rows of one task, from which an audit's table is made.

    Examples
    --------
    >>> from gliofill.contrasts import TASKS
    >>> audit_part(TASKS[0], AUDIT_METRICS)
    '.gliofill/audit/T2w-to-FLAIR/desc-audit_metrics.tsv'
    """
    return f".gliofill/audit/{task.name}/{table}"


def session_page(folder: str) -> str:
    """Return the page of a session.

    Examples
    --------
    >>> session_page("sub-01/ses-pre")
    'sub-01_ses-pre.html'
    """
    return f"{folder.replace('/', '_')}.html"


def viewer_volumes(folder: str) -> str:
    """Return the volumes of a session's viewer, a script that its page loads."""
    return f"{folder.split('/')[0]}/figures/{folder.replace('/', '_')}_desc-viewer_volumes.js"


def sidecar(image: str) -> str:
    """Return the JSON sidecar of an image.

    Examples
    --------
    >>> sidecar("a_T1w.nii.gz")
    'a_T1w.json'
    """
    return image.removesuffix(".nii.gz") + ".json"


def step_log(step: str, folder: str, contrast: Contrast | None = None) -> str:
    """Return the log of a step of a session.

    Parameters
    ----------
    step
        Name of the rule and of the subcommand.
    folder
        Of the session.
    contrast
        What the step synthesises; None if it is about the whole session.

    Examples
    --------
    >>> step_log("impute", "sub-01/ses-pre", Contrast.FLAIR)
    'logs/impute/sub-01/ses-pre/sub-01_ses-pre_FLAIR.log'
    """
    name = folder.replace("/", "_")
    return f"{LOGS}/{step}/{folder}/{name}_{contrast}.log" if contrast else f"{LOGS}/{step}/{folder}/{name}.log"
