"""Sessions of one patient that are aligned to the first, against the motion that is known of generated ones."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nibabel.affines import apply_affine
from tests.conftest import run_gliofill, run_snakemake
from tests.support.small_cohort import configure, write_brain

from gliofill.cohort.coverage import Row
from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.session_record import PreprocessedContrast, SessionRecord
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json
from gliofill.files.nifti import read_image, write_image
from gliofill.preprocess.longitudinal import ALIKE, FirstSession, read_first
from gliofill.preprocess.rigid import read_matrix
from gliofill.preprocess.session import preprocess_session
from gliofill.simulation.phantom.patient import GeneratedScan, make_patient, scan_patient

pytestmark = pytest.mark.slow

FIRST, SECOND = "sub-01/ses-01", "sub-01/ses-02"
#: what each session has: the second lacks the contrast that the first would be registered through
CONTRASTS = {FIRST: (Contrast.T1POST, Contrast.T2W), SECOND: (Contrast.T1W, Contrast.T2W)}
SETTINGS = PreprocessSettings(lesion_pattern="", align_sessions="first")


@pytest.fixture(scope="module")
def scans() -> dict[str, dict[Contrast, GeneratedScan]]:
    """Return two visits of one patient, who lies differently in every image."""
    rng = np.random.default_rng(7)
    patient = make_patient(rng)
    visits = {folder: dict(scan_patient(patient, rng)) for folder in CONTRASTS}
    return {folder: {contrast: visits[folder][contrast] for contrast in CONTRASTS[folder]} for folder in CONTRASTS}


Preprocess = Callable[..., SessionRecord]


@pytest.fixture(scope="module")
def preprocess(scans: dict[str, dict[Contrast, GeneratedScan]], tmp_path_factory: pytest.TempPathFactory) -> Preprocess:
    bids = tmp_path_factory.mktemp("bids")
    rows = {folder: [] for folder in scans}
    for folder, images in scans.items():
        for contrast, scan in images.items():
            name = "_".join(filter(None, (folder.replace("/", "_"), contrast.ce_entity, contrast.suffix)))
            write_image(bids / folder / "anat" / f"{name}.nii.gz", scan.data, scan.acquisition.affine, dtype="int16")
            who = folder.split("/")
            rows[folder].append(Row(*who, contrast, "ok", action="use", file=f"{folder}/anat/{name}.nii.gz"))

    def run(output: Path, folder: str, first: str = "") -> SessionRecord:
        return preprocess_session(
            bids, output, rows[folder], settings=SETTINGS, work_dir=output / "work", threads=2, first=first
        )

    return run


@pytest.fixture(scope="module")
def output(preprocess: Preprocess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the first session, on the template, and the second, on the first."""
    folder = tmp_path_factory.mktemp("derivatives")
    preprocess(folder, FIRST)
    preprocess(folder, SECOND, first=FIRST)
    return folder


def to_anatomy(output: Path, folder: str, contrast: Contrast, scan: GeneratedScan) -> np.ndarray:
    """Return where a point of the template's space lies in the patient, as the outputs have it."""
    return np.linalg.inv(scan.acquisition.motion) @ read_matrix(output / paths.transform(folder, contrast))


def misalignment_mm(output: Path, second: Path, scans: dict[str, dict[Contrast, GeneratedScan]]) -> float:
    """Return how far the T2w images of the two visits lie apart, on the average of the brain."""
    mask, affine = read_image(output / paths.brain_mask(FIRST))
    points = apply_affine(affine, np.argwhere(mask > 0)[::97])
    places = [
        apply_affine(to_anatomy(where, folder, Contrast.T2W, scans[folder][Contrast.T2W]), points)
        for where, folder in ((output, FIRST), (second, SECOND))
    ]
    return float(np.linalg.norm(places[0] - places[1], axis=1).mean())


def test_sessions_lie_on_each_other_within_half_a_millimetre(
    preprocess: Preprocess, output: Path, scans: dict[str, dict[Contrast, GeneratedScan]], tmp_path: Path
) -> None:
    preprocess(tmp_path, SECOND)
    apart, alike = misalignment_mm(output, tmp_path, scans), misalignment_mm(output, output, scans)
    print(f"each on the template: {apart:.2f} mm, the second on the first: {alike:.2f} mm")
    assert alike < 0.5 and alike < apart


def test_record_and_sidecars_name_what_the_session_was_aligned_to(output: Path) -> None:
    target = f"bids::{paths.preprocessed(FIRST, Contrast.T1POST)}"
    record = read_json(output / paths.session_qc(SECOND))
    assert record["TemplateAlignment"]["target"] == target and not record["TemplateAlignment"]["problem"]
    assert {entry["status"] for entry in record["Contrasts"].values()} == {"ok"} and not record["Problems"]
    for image in (paths.preprocessed(SECOND, Contrast.T2W), paths.brain_mask(SECOND)):
        assert read_json(output / paths.sidecar(image))["Sources"][-1] == target
    first = read_json(output / paths.session_qc(FIRST))
    assert first["TemplateAlignment"]["target"] == paths.SPACE
    assert len(read_json(output / paths.sidecar(paths.preprocessed(FIRST, Contrast.T2W)))["Sources"]) == 1


def test_the_same_contrast_is_aligned_to_or_the_most_alike() -> None:
    first = FirstSession(FIRST, {Contrast.FLAIR: Path("flair"), Contrast.T1W: Path("t1w")}, Path("mask"))
    assert first.target(Contrast.FLAIR).image == Path("flair") and first.target(Contrast.T2W).image == Path("flair")
    assert first.target(Contrast.T1POST).image == Path("t1w")
    assert all(order[0] is contrast and set(order) == set(Contrast) for contrast, order in ALIKE.items())


def test_only_images_that_are_used_are_aligned_to(tmp_path: Path) -> None:
    states = {Contrast.T1POST: "unusable", Contrast.T1W: "failed", Contrast.T2W: "flagged", Contrast.FLAIR: "ok"}
    entries = {contrast: PreprocessedContrast(status=state, reason="") for contrast, state in states.items()}
    SessionRecord(session=FIRST, version="0", contrasts=entries).write(tmp_path)
    for contrast in (Contrast.T1POST, Contrast.T2W):  # the FLAIR was deleted
        write_image(tmp_path / paths.preprocessed(FIRST, contrast), np.zeros((2, 2, 2)), np.eye(4))
    assert list(read_first(tmp_path, FIRST).images) == [Contrast.T2W]
    with pytest.raises(GliofillError, match="ses-00: is the first session of its patient and was not preprocessed"):
        read_first(tmp_path, "sub-01/ses-00")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small cohort, in which the first session of sub-01 has no brain that could be found."""
    folder = tmp_path_factory.mktemp("small")
    for number, session in enumerate((FIRST, SECOND, "sub-02/ses-01", "sub-02/ses-02")):
        path = folder / "bids" / session / "anat" / f"{session.replace('/', '_')}_T2w.nii.gz"
        write_brain(path, seed=number)
        if session == FIRST:
            data, affine = read_image(path)
            write_image(path, data + 5, affine, dtype="int16")
    (folder / "bids" / "dataset_description.json").write_text('{"Name": "generated", "BIDSVersion": "1.10.0"}')
    return folder


def set_up(folder: Path, option: str) -> list[str]:
    """Write a configuration and return the options of Snakemake for it."""
    preprocess = {"brain_mask": "none", "bias_correction": False, "lesion_pattern": "", "align_sessions": option}
    nothing = {"models": {"T2w-to-FLAIR": "none", "T1post-to-T1w": "none"}}
    file = configure(
        folder, folder / option, model=folder, name=f"{option}.json", preprocess=preprocess, impute=nothing
    )
    return ["--configfile", str(file)]


def planned_inputs(text: str) -> dict[str, str]:
    """Return the inputs of the jobs that preprocess, by their record, from what a dry run prints."""
    jobs = re.findall(r"rule preprocess:\n    input: (.*)\n    output: (.*)\n", text)
    return {record: inputs for inputs, record in jobs}


@pytest.mark.parametrize("option", ["first", "template"])
def test_later_sessions_wait_for_the_first_only_if_they_are_aligned_to_it(small: Path, option: str) -> None:
    words = set_up(small, option)
    assert run_snakemake(paths.COVERAGE, *words).returncode == 0
    plan = planned_inputs(run_snakemake("--dry-run", *words).stdout)
    records = {folder: paths.session_qc(folder) for folder in (FIRST, SECOND, "sub-02/ses-01", "sub-02/ses-02")}
    waits = {folder: other for folder in records for other in records if records[other] in plan[records[folder]]}
    assert waits == ({SECOND: FIRST, "sub-02/ses-02": "sub-02/ses-01"} if option == "first" else {})


def test_a_first_session_that_failed_stops_no_other(small: Path) -> None:
    records = [paths.session_qc(folder) for folder in (SECOND, "sub-02/ses-02")]
    run = run_snakemake(*records, *set_up(small, "first"))
    assert run.returncode == 0, run.stdout + run.stderr
    first, alone, other = (read_json(small / "first" / name) for name in (paths.session_qc(FIRST), *records))
    assert first["Contrasts"]["T2w"]["status"] == "failed"
    problem = "aligned to the template instead of the first session: sub-01/ses-01 has no usable image"
    assert alone["Problems"] == [problem] and alone["TemplateAlignment"]["target"] == paths.SPACE
    assert "sub-02/ses-01/anat" in other["TemplateAlignment"]["target"] and not other["Problems"]
    assert {record["Contrasts"]["T2w"]["status"] for record in (alone, other)} <= {"ok", "flagged"}
    log = small / "first" / "logs" / "preprocess" / SECOND / "sub-01_ses-02.log"
    assert f"warning: {SECOND}: {problem}" in log.read_text()


def test_the_subcommand_wants_the_first_session_first(small: Path) -> None:
    words = set_up(small, "first")
    assert run_snakemake(paths.COVERAGE, *words).returncode == 0
    (small / "first" / paths.session_qc("sub-02/ses-01")).unlink(missing_ok=True)
    settings = ["--settings", '{"align_sessions": "first"}']
    run = run_gliofill("preprocess", str(small / "bids"), str(small / "first"), "sub-02/ses-02", *settings)
    assert run.returncode == 2 and "sub-02/ses-01: is the first session of its patient" in run.stderr
