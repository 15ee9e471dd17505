"""The whole path on the demonstration cohort: one real run, against the known truth."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.affines import apply_affine
from scipy.ndimage import map_coordinates
from tests.conftest import MEASURED, ROOT, run_gliofill, run_snakemake
from tests.report.conftest import visiting

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.files.nifti import is_same_grid
from gliofill.metrics.overlap import dice
from gliofill.preprocess.rigid import read_matrix
from gliofill.simulation.phantom.dataset import KINDS, SessionKind, generate_cohort

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: few sessions with many gaps, since each contrast that is there takes half a minute; what is truncated is missing, too
FATES = (
    KINDS[0],
    SessionKind("two gaps", missing=frozenset({Contrast.T1W}), truncated=frozenset({Contrast.FLAIR})),
    KINDS[4],
)
GAPS = {
    "sub-01": {},
    "sub-02": {"T1w": "synthetic", "FLAIR": "synthetic"},
    "sub-03": {"T2w": "gap", "FLAIR": "gap"},
}


#: as the demonstration: half the time, and sessions side by side; both output spaces
QUICK = {
    "impute": {"flip_average": False},
    "threads": {"preprocess": 1, "impute": 1},
    "preprocess": {"output_spaces": ["template", "native"]},
}


def configure(path: Path, **settings: object) -> Path:
    path.write_text(json.dumps({key: str(value) for key, value in settings.items()} | QUICK))
    return path


def checksums(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def bids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "bids"
    generate_cohort(folder, sessions=len(FATES), seed=0, processes=2, kinds=FATES)
    return folder


@pytest.fixture(scope="module")
def before(bids: Path) -> dict[str, str]:
    return checksums(bids)


@pytest.fixture(scope="module")
def output(bids: Path, before: dict[str, str]) -> Path:
    folder = bids.parent / "derivatives"
    config = configure(bids.parent / "config.yaml", bids_dir=bids, output_dir=folder)
    run = run_snakemake("--configfile", str(config))
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it as pip does, without the packages that it needs: those of the tests serve."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (wheel,) = folder.glob("gliofill-*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(folder / "site"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return folder / "site"


def run_app(installed: Path, here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": str(installed),
        "PATH": f"{installed / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    environment.pop("GLIOFILL_START", None)
    return subprocess.run(
        [sys.executable, "-c", MEASURED, "memory.txt", *words],
        cwd=here,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def truth(bids: Path, session: str, contrast: Contrast) -> np.ndarray:
    """Return the matrix from anatomy to the contrast's own space, RAS mm."""
    file = bids / "derivatives" / "truth" / session / "anat" / f"{session}_desc-truth_transforms.json"
    return np.array(json.loads(file.read_text())["Transforms"][str(contrast)])


def test_every_gap_has_the_planned_end(output: Path) -> None:
    table = pd.read_csv(output / paths.COMPLETE, sep="\t", keep_default_na=False).set_index("participant_id")
    for session, expected in GAPS.items():
        synthetic = {name for name, state in expected.items() if state == "synthetic"}
        gaps = {name for name, state in expected.items() if state == "gap"}
        assert set(table.loc[session, "synthetic"].split(",")) - {"n/a"} == synthetic
        assert {contrast for contrast in Contrast if table.loc[session, contrast] == "n/a"} == gaps
        for contrast in set(Contrast) - gaps:
            assert (output / table.loc[session, contrast]).is_file()


def test_synthetic_images_say_so_in_name_sidecar_and_header(output: Path) -> None:
    names = [paths.imputed("sub-02", contrast) for contrast in (Contrast.FLAIR, Contrast.T1W)]
    for name in names:
        sidecar = json.loads((output / paths.sidecar(name)).read_text())
        assert "desc-imputed" in name and sidecar["Synthetic"] is True and sidecar["ImputationReason"]
        assert bytes(nib.load(output / name).header["descrip"].item()).startswith(b"synthetic")


def test_imputed_geometry_equals_its_source(output: Path) -> None:
    for source, target in ((Contrast.T2W, Contrast.FLAIR), (Contrast.T1POST, Contrast.T1W)):
        made = nib.load(output / paths.imputed("sub-02", target))
        given = nib.load(output / paths.preprocessed("sub-02", source))
        assert made.shape == given.shape
        np.testing.assert_array_equal(made.affine, given.affine)
        assert made.get_data_dtype() == np.float32 and np.isfinite(made.get_fdata()).all()


@pytest.mark.parametrize("session", GAPS)
def test_contrasts_lie_within_half_a_millimetre_of_the_truth(bids: Path, output: Path, session: str) -> None:
    mask = nib.load(
        bids / "derivatives" / "truth" / session / "anat" / f"{session}_space-individual_desc-brain_mask.nii.gz"
    )
    points = apply_affine(mask.affine, np.argwhere(mask.get_fdata() > 0)[::97])
    to_anatomy = {}
    for contrast in Contrast:
        file = output / paths.transform(session, contrast)
        if file.is_file():
            # template -> contrast by us, contrast -> anatomy by the truth: the same for all contrasts if they are
            # aligned
            to_anatomy[contrast] = np.linalg.inv(truth(bids, session, contrast)) @ read_matrix(file)
    assert Contrast.T1POST in to_anatomy and len(to_anatomy) >= 2
    reference = json.loads((output / paths.session_qc(session)).read_text())["Reference"]
    template = apply_affine(np.linalg.inv(to_anatomy[Contrast(reference)]), points)
    for contrast, matrix in to_anatomy.items():
        error = np.linalg.norm(apply_affine(matrix, template) - points, axis=1).mean()
        assert error <= 0.5, f"{session} {contrast}: {error:.2f} mm"


@pytest.mark.parametrize("session", GAPS)
def test_brain_masks_match_the_truth(bids: Path, output: Path, session: str) -> None:
    mask = nib.load(output / paths.brain_mask(session))
    true = nib.load(
        bids / "derivatives" / "truth" / session / "anat" / f"{session}_space-T1post_desc-brain_mask.nii.gz"
    )
    matrix = read_matrix(output / paths.transform(session, Contrast.T1POST))
    where = np.indices(mask.shape).reshape(3, -1).T
    native = np.rint(apply_affine(np.linalg.inv(true.affine) @ matrix @ mask.affine, where)).astype(int)
    inside = ((native >= 0) & (native < true.shape)).all(axis=1)
    carried = np.zeros(len(where), dtype=bool)
    carried[inside] = true.get_fdata()[tuple(native[inside].T)] > 0
    assert dice(mask.get_fdata() > 0, carried.reshape(mask.shape)) >= 0.95


@pytest.mark.parametrize("session", ["sub-01", "sub-02"])
def test_native_images_show_every_place_of_the_acquired_reference(bids: Path, output: Path, session: str) -> None:
    contrasts = json.loads((output / paths.session_qc(session)).read_text())["Contrasts"]
    reference = Contrast(json.loads((output / paths.session_qc(session)).read_text())["Reference"])
    raw = {name: nib.load(bids / entry["source"].removeprefix("bids:raw:")) for name, entry in contrasts.items()}
    mask = nib.load(output / paths.brain_mask(session, space=paths.NATIVE)).get_fdata() > 0
    places = apply_affine(raw[str(reference)].affine, np.argwhere(mask))
    anatomy = apply_affine(np.linalg.inv(truth(bids, session, reference)), places)
    for contrast in Contrast:
        kind = paths.preprocessed if str(contrast) in contrasts else paths.imputed
        image = nib.load(output / kind(session, contrast, space=paths.NATIVE))
        assert is_same_grid(image.shape, image.affine, raw[str(reference)].shape, raw[str(reference)].affine)
        sidecar = json.loads((output / paths.sidecar(kind(session, contrast, space=paths.NATIVE))).read_text())
        assert sidecar["SpatialReference"] == contrasts[str(reference)]["source"]
        if str(contrast) not in contrasts:
            assert sidecar["Synthetic"] is True
            continue
        own = raw[str(contrast)]
        to_voxels = np.linalg.inv(own.affine) @ truth(bids, session, contrast)
        agreement = {
            shift: np.corrcoef(
                map_coordinates(own.get_fdata(), apply_affine(to_voxels, anatomy + shift).T, order=1),
                image.get_fdata()[mask],
            )[0, 1]
            for shift in ((0, 0, 0), (2, 0, 0), (-2, 0, 0), (0, 2, 0), (0, -2, 0), (0, 0, 2), (0, 0, -2))
        }
        # the bias field, which only the truth still has, keeps it from 1
        assert max(agreement, key=agreement.get) == (0, 0, 0) and agreement[0, 0, 0] > 0.9, (contrast, agreement)


@pytest.mark.parametrize("session", sorted(GAPS))
def test_page_of_each_session_opens_and_shows_its_images(browser: "Browser", output: Path, session: str) -> None:
    with visiting(browser, (output / paths.session_page(session)).as_uri()) as visit:
        pictures = visit.page.locator(".pair img").evaluate_all("all => all.map(image => image.naturalWidth)")
        # four contrasts before and after in three planes, less the gaps; one raw image is damaged
        gaps = {"sub-02": 2, "sub-03": 4}.get(session, 0)
        assert len(pictures) == 3 * (8 - gaps) and min(pictures) > 50
        assert (output / paths.session_page(session)).stat().st_size < 1e6
    assert (output / paths.viewer_volumes(session)).stat().st_size < 5e6


def test_cohort_page_and_viewer_of_the_run_work(browser: "Browser", output: Path) -> None:
    with visiting(browser, (output / paths.INDEX).as_uri()) as visit:
        page = visit.page
        page.get_by_role("combobox", name="FLAIR", exact=True).select_option(label="synthetic")
        assert page.locator("#matrix-body tr:not(.spacer) th").all_inner_texts() == ["sub-02"]
        page.get_by_role("link", name="sub-02", exact=True).first.click()
        page.get_by_role("button", name="Toggle").click()
        page.get_by_role("button", name="Open the viewer").click()
        page.wait_for_selector("#viewer-canvas[data-ready=yes]", timeout=120_000)
        where = page.locator("#viewer-place").inner_text()
        page.get_by_role("slider", name="Down–up").focus()
        page.keyboard.press("PageUp")
        page.wait_for_function("text => document.getElementById('viewer-place').innerText !== text", arg=where)


def test_raw_dataset_is_untouched(bids: Path, before: dict[str, str], output: Path) -> None:
    assert checksums(bids) == before


def test_derivatives_pass_the_bids_validator(output: Path) -> None:
    validator = Path(sys.executable).parent / "bids-validator-deno"
    run = subprocess.run([validator, "--json", output], capture_output=True, text=True, check=False)
    issues = json.loads(run.stdout)["issues"]["issues"]
    assert not issues, json.dumps(issues, indent=1)[:3000]


def test_nothing_is_left_of_temporary_files(output: Path) -> None:
    assert not list(output.rglob(".tmp-*")) and not list((output / ".gliofill").glob("work/*"))


def test_every_file_of_the_run_is_vouched_for(output: Path) -> None:
    run = run_gliofill("verify", str(output))
    assert run.returncode == 0, run.stdout + run.stderr
    content = json.loads(run_gliofill("verify", "--json", str(output)).stdout)
    vouched = content["files"]
    images = len(list(output.glob("sub-*/anat/*.nii.gz")))
    # an image has a sidecar; there are transforms, pages, pictures, tables beside them
    assert vouched > 2 * images > 60 and content["findings"] == [] and content["foreign"] == []


def test_installed_wheel_gives_the_same_bytes_from_another_folder_with_fewer_cores(
    installed: Path, bids: Path, output: Path, tmp_path: Path
) -> None:
    words = ("--participant-label", "02", "--cores", "1", "--config", str(configure(tmp_path / "quick.yaml")))
    run = run_app(installed, tmp_path, str(bids), "out", "participant", *words)
    assert run.returncode == 0, run.stdout + run.stderr
    made = {name: sum_ for name, sum_ in checksums(tmp_path / "out" / "sub-02").items() if not name.endswith(".json")}
    # in two spaces acquired contrasts, the synthetic ones and their uncertainty, mask, lesion; two transforms of each
    # acquired one; a picture; the volumes of the viewer
    assert len(made) == 2 * (2 + 4 + 2) + 4 + 2, sorted(made)
    assert made.items() <= checksums(output / "sub-02").items()
    # kilobytes, of the largest of all processes of the run
    assert int((tmp_path / "memory.txt").read_text()) < 2e6


def test_app_tells_wrong_folder_and_participant_in_one_line(installed: Path, bids: Path, tmp_path: Path) -> None:
    run = run_app(installed, tmp_path, "nowhere", "out", "participant")
    assert run.returncode == 2 and run.stderr.splitlines() == ["gliofill: nowhere: no such folder"]
    run = run_app(installed, tmp_path, str(bids), "out", "participant", "--participant-label", "77", "--cores", "1")
    assert run.returncode != 0
    assert any("77" in line and line.startswith("gliofill:") for line in (run.stdout + run.stderr).splitlines())


def test_second_run_does_nothing_and_one_changed_image_reruns_its_session_alone(bids: Path, output: Path) -> None:
    words = ("--configfile", str(bids.parent / "config.yaml"), "--dry-run")
    assert "Nothing to be done" in (run := run_snakemake(*words)).stdout + run.stderr
    image = bids / "sub-03" / "anat" / "sub-03_T1w.nii.gz"
    os.utime(image)
    words = words[:-1]
    changed = run_snakemake(*words)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    redone = [
        line for line in (changed.stdout + changed.stderr).splitlines() if "output:" in line and "contrasts_qc" in line
    ]
    assert len(redone) == 1 and "sub-03" in redone[0]


def test_a_damaged_image_is_found_and_its_session_alone_is_made_again(bids: Path, output: Path) -> None:
    name = paths.imputed("sub-02", Contrast.FLAIR)
    content = bytearray((output / name).read_bytes())
    content[len(content) // 2] ^= 1
    (output / name).write_bytes(content)
    run = run_gliofill("verify", "--repair", str(output))
    assert run.returncode == 1 and run.stdout.startswith(f"{name}: ") and "\n2 files removed" in run.stdout
    dry = run_snakemake("--configfile", str(bids.parent / "config.yaml"), "--dry-run")
    text = dry.stdout + dry.stderr
    table = [line.split() for line in text.split("Job stats:")[-1].splitlines()]
    planned = {words[0]: words[1] for words in table if len(words) == 2 and words[1].isdigit()}
    assert planned["impute"] == "1" and "preprocess" not in planned
    assert f"output: {paths.imputed_qc('sub-02', Contrast.FLAIR)}" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("bids_dir=/nowhere", "output_dir={tmp}/o"), "bids_dir /nowhere: no such folder"),
        (("bids_dir={tmp}", "output_dir={tmp}/o", "bids_dri=x"), "unknown key bids_dri; did you mean 'bids_dir'?"),
        (("bids_dir={tmp}", "output_dir={tmp}/o"), "sub-"),
        (
            ("bids_dir={tmp}", "output_dir={tmp}/o", "impute={{models: {{T2w-to-FLAIR: {models}/T1post-to-T1w}}}}"),
            "the model is for T1post-to-T1w",
        ),
    ],
    ids=["missing folder", "unknown key", "no session", "model for the wrong task"],
)
def test_bad_input_gets_one_clear_line_and_a_nonzero_exit(
    tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    models = ROOT / "src" / "gliofill" / "learning" / "models"
    run = run_snakemake("--config", *(word.format(tmp=tmp_path, models=models) for word in words))
    assert run.returncode != 0
    lines = [line for line in (run.stdout + run.stderr).splitlines() if "gliofill:" in line]
    assert lines and expected in lines[0]
    assert "Traceback" not in run.stdout + run.stderr


def test_damaged_images_are_unusable_with_a_reason(tmp_path: Path) -> None:
    anat = tmp_path / "bids" / "sub-01" / "anat"
    anat.mkdir(parents=True)
    (anat / "sub-01_T1w.nii.gz").write_text("not an image")
    nib.save(nib.Nifti1Image(np.ones((20, 20, 20, 3), dtype=np.int16), np.eye(4)), anat / "sub-01_T2w.nii.gz")
    run = run_gliofill("scan", str(tmp_path / "bids"))
    assert run.returncode == 0 and "unreadable: sub-01/anat/sub-01_T1w.nii.gz" in run.stdout
    assert "missing, from T2w" in run.stdout
    run = run_gliofill("coverage", str(tmp_path / "bids"), str(tmp_path / "out"))
    assert run.returncode == 0, run.stderr
    table = pd.read_csv(tmp_path / "out" / paths.COVERAGE, sep="\t").set_index("contrast")
    assert table.loc["T1w", "status"] == "unusable" and "cannot be read" in table.loc["T1w", "reason"]
    assert table.loc["T2w", "status"] == "unusable" and "4-D" in table.loc["T2w", "reason"]
    assert table.loc["FLAIR", "status"] == "missing"
