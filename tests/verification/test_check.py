"""`gliofill verify`: every kind of damage is found, named in one line, and made again without its neighbours."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.support.known_model import GRID, use_known_model
from tests.support.reviewed import GOOD, coverage

from gliofill.cli.main import main
from gliofill.cohort.coverage import write_coverage
from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.description import write_description
from gliofill.derivatives.records import note_checksums, note_name, with_dictionary, write_record
from gliofill.files.atomic import read_json, sha256, write_json, write_text
from gliofill.files.nifti import write_image
from gliofill.synthesis import gap

SESSION = "sub-01"
T2W = paths.preprocessed(SESSION, Contrast.T2W)
T1POST = paths.preprocessed(SESSION, Contrast.T1POST)
FLAIR = paths.imputed(SESSION, Contrast.FLAIR)
RECORD = paths.session_qc(SESSION)
IMPUTED_RECORD = paths.imputed_qc(SESSION, Contrast.FLAIR)
PAGE = paths.session_page(SESSION)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an output folder with one session whose FLAIR is synthetic, as the steps leave it."""
    output = tmp_path_factory.mktemp("made") / "out"
    write_description(output.parent / "bids", output)
    write_coverage(output / paths.COVERAGE, coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}))
    note_checksums(output, "coverage", with_dictionary(paths.COVERAGE))
    _preprocess(output)
    with pytest.MonkeyPatch.context() as patch:
        use_known_model(patch)
        gap.fill(output, SESSION, Contrast.FLAIR, ImputeSettings(device="cpu"))
    write_text(output / PAGE, "<html></html>")
    note_checksums(output, SESSION, [PAGE])
    return output


def _preprocess(output: Path) -> None:
    brain = np.zeros(GRID)
    brain[5:35, 5:45, 2:10] = 1
    mask = paths.brain_mask(SESSION)
    write_image(output / mask, brain, np.eye(4), dtype="uint8", description="brain mask")
    about = {"SpatialReference": paths.SPATIAL_REFERENCE, "Sources": ["bids:raw:x"]}
    write_json(output / paths.sidecar(mask), {**about, "Type": "Brain"})
    entries = {}
    for number, contrast in enumerate(c for c in Contrast if c is not Contrast.FLAIR):
        name = paths.preprocessed(SESSION, contrast)
        data = brain * np.random.default_rng(number).uniform(1000, 2000, size=GRID)
        write_image(output / name, data, np.eye(4), description="acquired, preprocessed")
        write_json(output / paths.sidecar(name), {**about, "Synthetic": False, "SkullStripped": True})
        entries[str(contrast)] = {"status": "ok", "reason": "", "source": "bids:raw:x", **_sums(output, name)}
    record = {"Session": SESSION, "GliofillVersion": "0", "Contrasts": entries}
    write_record(output / RECORD, {**record, "BrainMask": {"method": "none", **_sums(output, mask)}})


def _sums(output: Path, image: str) -> dict[str, dict[str, str]]:
    sidecar = paths.sidecar(image)
    return {"files": {image: sha256(output / image)}, "sidecars": {sidecar: sha256(output / sidecar)}}


@pytest.fixture
def output(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


def verify(output: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """Return exit code and the lines about files; the last line, which counts, is left out."""
    capsys.readouterr()
    code = main(["verify", str(output), *words])
    return code, capsys.readouterr().out.splitlines()


def test_an_untouched_folder_is_sound(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = verify(output, capsys)
    # three acquired images, a mask and a synthetic image, each with its sidecar; the coverage table, too; a page
    assert code == 0 and len(lines) == 1 and lines[0].startswith("13 files, ") and lines[0].endswith(": no problems")


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def edit(file: Path, **fields: object) -> None:
    content = {**read_json(file), **fields}
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def vouch(output: Path, record: str, image: str) -> None:
    """Let a record vouch for what lies there now, as someone would who wants to be believed."""
    content = read_json(output / record)
    content["files"][image] = sha256(output / image)
    content["sidecars"][paths.sidecar(image)] = sha256(output / paths.sidecar(image))
    write_record(output / record, content)


def unmark_header(output: Path) -> None:
    data = nib.load(output / FLAIR).get_fdata()
    write_image(output / FLAIR, data, np.eye(4), description="acquired")
    vouch(output, IMPUTED_RECORD, FLAIR)


def unmark_sidecar(output: Path) -> None:
    edit(output / paths.sidecar(FLAIR), Synthetic=None)
    vouch(output, IMPUTED_RECORD, FLAIR)


def unmark_name(output: Path) -> None:
    shutil.copy(output / FLAIR, output / T2W)
    content = read_json(output / RECORD)
    content["Contrasts"]["T2w"]["files"][T2W] = sha256(output / T2W)
    write_record(output / RECORD, content)


def forget_where_from(output: Path) -> None:
    edit(output / paths.sidecar(FLAIR), Sources=[], SynthesisMethod={"Name": "GAN"})
    vouch(output, IMPUTED_RECORD, FLAIR)


DAMAGES = {
    "bit of an image": (lambda o: flip_a_bit(o / T2W), T2W, "is not as it was written", RECORD),
    "bit of a page": (lambda o: flip_a_bit(o / PAGE), PAGE, "is not as it was written", PAGE),
    "deleted image": (lambda o: (o / FLAIR).unlink(), FLAIR, "is missing", IMPUTED_RECORD),
    "swapped image": (lambda o: shutil.copy(o / T1POST, o / T2W), T2W, f"has the content of {T1POST}", RECORD),
    "edited sidecar": (
        lambda o: edit(o / paths.sidecar(T2W), Sources=["bids:raw:y"]),
        paths.sidecar(T2W),
        "is not as it was written",
        RECORD,
    ),
    "deleted sidecar": (
        lambda o: (o / paths.sidecar(FLAIR)).unlink(),
        paths.sidecar(FLAIR),
        "no such file, is missing",
        IMPUTED_RECORD,
    ),
    "edited table": (
        lambda o: (o / paths.COVERAGE).write_text((o / paths.COVERAGE).read_text().replace("192", "x") + "\n"),
        paths.COVERAGE,
        "is not as it was written",
        paths.COVERAGE,
    ),
    "edited record": (lambda o: edit(o / RECORD, Reference="FLAIR"), RECORD, "is not as it was written", RECORD),
    "damaged record": (lambda o: (o / RECORD).write_text("{"), RECORD, "cannot be read as JSON", RECORD),
    "unmarked header": (unmark_header, FLAIR, "does not say in its NIfTI header (descrip)", IMPUTED_RECORD),
    "unmarked sidecar": (unmark_sidecar, paths.sidecar(FLAIR), "is synthetic (Synthetic: true)", IMPUTED_RECORD),
    "unmarked name": (unmark_name, T2W, "its name does not", RECORD),
    "no provenance": (
        forget_where_from,
        paths.sidecar(FLAIR),
        "does not name Sources, SynthesisMethod.ModelID",
        IMPUTED_RECORD,
    ),
    "stray image": (
        lambda o: shutil.copy(o / T2W, o / paths.preprocessed(SESSION, Contrast.FLAIR)),
        paths.preprocessed(SESSION, Contrast.FLAIR),
        "is in no record",
        paths.preprocessed(SESSION, Contrast.FLAIR),
    ),
    "temporary file": (
        lambda o: (o / SESSION / "anat" / ".tmp-x-a.nii.gz").touch(),
        f"{SESSION}/anat/.tmp-x-a.nii.gz",
        "is a temporary file",
        f"{SESSION}/anat/.tmp-x-a.nii.gz",
    ),
    "no description": (
        lambda o: (o / "dataset_description.json").unlink(),
        "dataset_description.json",
        "no such file",
        paths.COVERAGE,
    ),
    "damaged note": (
        lambda o: flip_a_bit(o / note_name(SESSION)),
        note_name(SESSION),
        "is not as it was written",
        PAGE,
    ),
}


@pytest.mark.parametrize(("damage", "file", "problem", "removed"), DAMAGES.values(), ids=list(DAMAGES))
def test_damage_is_named_in_one_line_and_marked_for_rebuild(
    output: Path, capsys: pytest.CaptureFixture[str], damage: object, file: str, problem: str, removed: str
) -> None:
    damage(output)
    code, lines = verify(output, capsys)
    # one line for the file, one that counts; what is judged by what the damaged file said does not follow
    about = [line for line in lines if line.startswith(f"{file}: ")]
    assert code == 1 and len(about) == 1 and problem in about[0] and "--repair" in about[0]
    before = {path for path in output.rglob("*") if path.is_file()}
    assert verify(output, capsys, "--repair")[0] == 1
    gone = {path.relative_to(output).as_posix() for path in before if not path.is_file()}
    assert removed in gone and (file == "dataset_description.json" or not (output / file).exists())
    # what had nothing to do with it stays
    outside = {T1POST, paths.brain_mask(SESSION), paths.sidecar(T1POST)} - {file}
    assert not gone & outside


def test_a_step_that_is_not_done_is_told_and_nothing_is_removed(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (output / IMPUTED_RECORD).unlink()
    code, lines = verify(output, capsys, "--repair")
    assert code == 1 and lines[0] == (
        f"{IMPUTED_RECORD}: is not there: this step is not done, or its record was deleted; run the same command again"
    )
    assert len(lines) == 2 and (output / FLAIR).is_file()


def test_records_of_an_earlier_version_are_told(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(output / RECORD, RecordSHA256=None)
    assert "has no checksum of its own; an earlier version wrote it" in verify(output, capsys)[1][0]


def test_files_of_others_are_noted_and_left_alone(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = output / SESSION / "anat" / "my\nsegmentation.nii.gz"
    own.touch()
    code, lines = verify(output, capsys, "--repair")
    assert code == 0 and own.is_file()
    assert lines[0] == "note: 'sub-01/anat/my\\nsegmentation.nii.gz' was not made by gliofill; it is left alone"


def test_findings_come_as_json(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (output / FLAIR).unlink()
    code, lines = verify(output, capsys, "--json")
    content = json.loads("\n".join(lines))
    assert code == 1 and content["files"] == 13 and content["removed"] == []
    assert [finding["file"] for finding in content["findings"]] == [FLAIR]


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, problem in ((tmp_path, "is not an output folder of gliofill"), (tmp_path / "x", "no such folder")):
        assert main(["verify", str(folder)]) == 2
        assert problem in capsys.readouterr().err
