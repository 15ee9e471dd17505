import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gliofill.bids import listing
from gliofill.bids.scan import scan_dataset
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError

EXAMPLES = Path(os.environ.get("GLIOFILL_TEST_DATA", "/nonexistent")) / "bids-examples"
needs_data = pytest.mark.skipif("GLIOFILL_TEST_DATA" not in os.environ, reason="GLIOFILL_TEST_DATA is not set")


@pytest.fixture
def dataset_of(tmp_path):
    """Return a function that makes zero-byte files, or JSON files with contents, and scans the folder."""

    def make(*files, json_files=None, **options):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for file, content in (json_files or {}).items():
            (tmp_path / file).write_text(json.dumps(content))
        return scan_dataset(tmp_path, **options)

    return make


def found(dataset):
    return {(s.folder, str(scan.contrast)): scan.path.name for s in dataset.sessions for scan in reversed(s.scans)}


def reasons(dataset):
    return {item.path.relative_to(dataset.root).as_posix(): item.reason for item in dataset.unrecognised}


def test_the_four_contrasts_are_told_apart(dataset_of):
    anat = "sub-01/ses-a/anat/sub-01_ses-a_"
    dataset = dataset_of(*(f"{anat}{end}.nii.gz" for end in ("T1w", "ce-GADOLINIUM_T1w", "T2w", "FLAIR")))
    assert found(dataset) == {
        ("sub-01/ses-a", "T1post"): "sub-01_ses-a_ce-GADOLINIUM_T1w.nii.gz",
        ("sub-01/ses-a", "T1w"): "sub-01_ses-a_T1w.nii.gz",
        ("sub-01/ses-a", "T2w"): "sub-01_ses-a_T2w.nii.gz",
        ("sub-01/ses-a", "FLAIR"): "sub-01_ses-a_FLAIR.nii.gz",
    }
    assert dataset.unrecognised == ()
    assert all(scan.warnings == () for scan in dataset.sessions[0].scans)


def test_a_sidecar_at_the_root_can_make_all_t1w_post_gadolinium(dataset_of):
    json_files = {"acq-late_T1w.json": {"ContrastBolusIngredient": "GADOLINIUM"}}
    images = [f"sub-{n}/anat/sub-{n}_{acq}T1w.nii.gz" for n in (1, 2) for acq in ("", "acq-late_")]
    dataset = dataset_of(*images, json_files=json_files)
    assert [str(scan.contrast) for s in dataset.sessions for scan in s.scans] == ["T1post", "T1w"] * 2
    post = dataset.sessions[1].candidates(Contrast.T1POST)[0]
    assert post.path == dataset.root / "sub-2/anat/sub-2_acq-late_T1w.nii.gz"
    assert post.sidecars == (dataset.root / "acq-late_T1w.json",)
    assert "ContrastBolusIngredient 'GADOLINIUM'" in post.warnings[0]


def test_sidecars_of_all_four_levels_are_inherited(dataset_of):
    image = "sub-1/ses-2/anat/sub-1_ses-2_T2w.nii"
    levels = ["T2w.json", "sub-1/sub-1_T2w.json", "sub-1/ses-2/sub-1_ses-2_T2w.json", image.replace(".nii", ".json")]
    dataset_of(image)
    json_files = {level: {"Deepest": depth, f"Level{depth}": True} for depth, level in enumerate(levels)}
    scan = dataset_of(json_files=json_files).sessions[0].scans[0]
    assert scan.metadata == {"Deepest": 3, "Level0": True, "Level1": True, "Level2": True, "Level3": True}


def test_a_broken_sidecar_is_a_warning_on_its_scan(dataset_of, tmp_path):
    dataset_of("sub-1/anat/sub-1_T1w.nii")
    (tmp_path / "sub-1/anat/sub-1_T1w.json").write_text("{")
    scan = scan_dataset(tmp_path).sessions[0].scans[0]
    assert scan.warnings == ("sidecar sub-1_T1w.json cannot be read as JSON; ignored",)


def test_flair_after_gadolinium_serves_but_behind_one_without(dataset_of):
    dataset = dataset_of("sub-1/anat/sub-1_ce-gd_FLAIR.nii", "sub-1/anat/sub-1_acq-z_FLAIR.nii")
    first, second = dataset.sessions[0].candidates(Contrast.FLAIR)
    assert first.path.name == "sub-1_acq-z_FLAIR.nii"
    assert second.warnings == ("FLAIR after gadolinium (ce-gd)",)


def test_every_visited_session_is_there_and_in_natural_order(dataset_of, tmp_path):
    (tmp_path / "sub-3").mkdir()
    (tmp_path / "sub-2" / "ses-10" / "func").mkdir(parents=True)
    dataset = dataset_of(
        "sub-10/anat/sub-10_T1w.nii", "sub-2/ses-9/anat/sub-2_ses-9_T1w.nii", "sub-2/anat/sub-2_T1w.nii"
    )
    assert [s.folder for s in dataset.sessions] == ["sub-2", "sub-2/ses-9", "sub-2/ses-10", "sub-3", "sub-10"]
    assert [len(s.scans) for s in dataset.sessions] == [1, 1, 0, 0, 1]


def test_excluded_participants_are_left_out_and_must_exist(dataset_of):
    images = [f"sub-{n}/anat/sub-{n}_T1w.nii.gz" for n in (1, 2, 3)]
    assert [s.participant for s in dataset_of(*images, excluded=["sub-2"]).sessions] == ["1", "3"]
    assert [s.participant for s in dataset_of(participants=["1", "2"], excluded=["2"]).sessions] == ["1"]
    with pytest.raises(GliofillError, match="participant sub-7: not in the dataset"):
        dataset_of(excluded=["7"])


def test_only_anat_folders_of_participants_are_entered(dataset_of):
    dataset = dataset_of(
        "sub-1/anat/sub-1_T1w.nii",
        "sub-1/perf/sub-1_T1w.nii",
        "derivatives/sub-1/anat/sub-1_T2w.nii",
        "sourcedata/sub-1/anat/sub-1_T2w.nii",
        "code/sub-1/anat/sub-1_T2w.nii",
        ".hidden/sub-1/anat/sub-1_T2w.nii",
        "sub-1/anat/.sub-1_FLAIR.nii",
        "sub-1/anat/sub-1_scans.tsv",
    )
    assert list(found(dataset).values()) == ["sub-1_T1w.nii"]
    assert dataset.unrecognised == ()


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("sub-1_T2starw.nii.gz", "T2*-weighted"),
        ("sub-1_inplaneT2.nii.gz", "functional scan"),
        ("sub-1_T1map.nii.gz", "quantitative map"),
        ("sub-1_PDw.nii.gz", "proton density"),
        ("sub-1_inv-1_MP2RAGE.nii.gz", "MP2RAGE"),
        ("sub-1_UNIT1.nii.gz", "filter with suffix UNIT1"),
        ("sub-1_angio.nii.gz", "angiogram"),
        ("sub-1_mod-T1w_defacemask.nii.gz", "a mask"),
        ("sub-1_mod-T1w_T1w.nii.gz", "derived"),
        ("sub-1_label-lesion_T1w.nii.gz", "derived"),
        ("sub-1_part-phase_T1w.nii.gz", "not a magnitude image"),
        ("sub-1_t1w.nii.gz", "BIDS writes T1w"),
        ("sub-1_T1.nii.gz", "BIDS writes T1w"),
        ("sub-1_T1ce.nii.gz", "ce-gadolinium"),
        ("sub-1_flair.nii.gz", "BIDS writes FLAIR"),
        ("sub-1_foo.nii.gz", "none of T1w, T2w, FLAIR"),
        ("sub-1.nii.gz", "suffix such as T1w is missing"),
        ("t1.nii", "has no sub-"),
        ("sub-2_T1w.nii.gz", "says sub-2 but the file lies in sub-1"),
        ("sub-1_ses-9_T1w.nii.gz", "says ses-9 but the file lies in no ses- folder"),
        ("sub-1 T1w.nii.gz", "not a BIDS name"),
        ("sub-1_T1w.NII.GZ", "not a .nii or .nii.gz file"),
        ("sub-1_T1w.mgz", "not a .nii or .nii.gz file"),
    ],
)
def test_what_looks_like_an_image_but_cannot_serve_is_listed_with_the_reason(dataset_of, filename, reason):
    dataset = dataset_of(f"sub-1/anat/{filename}")
    assert dataset.sessions[0].scans == ()
    assert list(reasons(dataset)) == [f"sub-1/anat/{filename}"]
    assert reason in dataset.unrecognised[0].reason


def test_stray_images_and_misnamed_folders_are_listed(dataset_of):
    dataset = dataset_of(
        "sub-1_T1w.nii",
        "sub-1/sub-1_T1w.nii",
        "sub-1/ses-1/sub-1_ses-1_T1w.nii",
        "sub-1/ses-1/Anat/sub-1_ses-1_T1w.nii",
        "sub-1/ses-a_b/anat/x.nii",
        "sub-1/anat/more/sub-1_T1w.nii",
        "sub-x-y/anat/z.nii",
        "sub-1/ses-2/anat/sub-1_T1w.nii",
    )
    assert reasons(dataset) == {
        "sub-1_T1w.nii": "not in an anat folder",
        "sub-1/sub-1_T1w.nii": "not in an anat folder",
        "sub-1/ses-1/sub-1_ses-1_T1w.nii": "not in an anat folder",
        "sub-1/ses-1/Anat": "not entered: BIDS names such a folder anat",
        "sub-1/ses-a_b": "not entered: BIDS names such a folder ses-<letters and digits>",
        "sub-1/anat/more": "not entered: a folder inside anat",
        "sub-x-y": "not entered: BIDS names such a folder sub-<letters and digits>",
        "sub-1/ses-2/anat/sub-1_T1w.nii": "the name has no ses- but the file lies in ses-2",
    }
    assert found(dataset) == {}


def test_content_that_is_not_there_is_told_from_a_broken_link(dataset_of, tmp_path):
    dataset_of("sub-1/anat/sub-1_T1w.nii")
    anat = tmp_path / "sub-1/anat"
    (anat / "sub-1_T2w.nii").symlink_to("../../.git/annex/objects/xx/yy/key.nii")
    (anat / "sub-1_FLAIR.nii").symlink_to("gone.nii")
    (anat / "sub-1_ce-gd_T1w.nii").symlink_to("sub-1_ce-gd_T1w.nii")
    (anat / "sub-1_run-2_T1w.nii").symlink_to("sub-1_T1w.nii")
    dataset = scan_dataset(tmp_path)
    assert [scan.path.name for scan in dataset.sessions[0].scans] == ["sub-1_run-2_T1w.nii", "sub-1_T1w.nii"]
    told = reasons(dataset)
    assert told["sub-1/anat/sub-1_T2w.nii"] == f"content not present (run: datalad get {anat}/sub-1_T2w.nii)"
    assert told["sub-1/anat/sub-1_FLAIR.nii"] == "content not present: the link leads to gone.nii, which does not exist"
    assert "cannot be followed" in told["sub-1/anat/sub-1_ce-gd_T1w.nii"]


def test_links_in_circles_do_no_harm(dataset_of, tmp_path):
    dataset_of("sub-1/anat/sub-1_T1w.nii")
    (tmp_path / "sub-1/ses-1").symlink_to(tmp_path)
    (tmp_path / "sub-2").symlink_to("sub-2")
    (tmp_path / "sub-1/anat/anat").symlink_to(".")
    dataset = scan_dataset(tmp_path)
    assert [s.folder for s in dataset.sessions] == ["sub-1", "sub-1/ses-1"]
    assert list(found(dataset).values()) == ["sub-1_T1w.nii"]


def test_a_folder_that_must_not_be_read_stops_nothing(dataset_of, tmp_path, monkeypatch):
    files = [f"sub-{n}/anat/sub-{n}_T1w.nii" for n in (1, 2)] + ["sub-3/ses-1/anat/sub-3_ses-1_T1w.nii"]
    dataset_of(*files)
    closed = {f"{tmp_path}/sub-1/anat", f"{tmp_path}/sub-3/ses-1"}
    open_folder = os.scandir

    def guarded(path):  # permissions do not bind the administrator, who may run the tests
        if path in closed:
            raise PermissionError(13, "Permission denied", path)
        return open_folder(path)

    monkeypatch.setattr(listing.os, "scandir", guarded)
    dataset = scan_dataset(tmp_path)
    assert [(s.folder, len(s.scans)) for s in dataset.sessions] == [("sub-1", 0), ("sub-2", 1), ("sub-3/ses-1", 0)]
    assert set(reasons(dataset)) == {"sub-1/anat", "sub-3/ses-1"}
    assert all("Permission denied" in reason for reason in reasons(dataset).values())


def test_synthetic_images_are_never_taken_for_acquired_ones(dataset_of):
    dataset_of("sub-1/anat/sub-1_FLAIR.nii")
    dataset = dataset_of(json_files={"sub-1/anat/sub-1_FLAIR.json": {"Synthetic": True}})
    assert found(dataset) == {}
    assert "synthetic by its sidecar" in dataset.unrecognised[0].reason


SMALL = [f"sub-{n}/ses-{s}/anat/sub-{n}_ses-{s}_T1w.nii" for n in ("01", "02") for s in ("pre", "post")]


@pytest.mark.parametrize("prefix", [("", ""), ("sub-", "ses-")])
def test_participants_and_sessions_can_be_chosen_with_or_without_prefix(dataset_of, prefix):
    dataset = dataset_of(*SMALL, participants=[f"{prefix[0]}02"], sessions=[f"{prefix[1]}pre"])
    assert [s.folder for s in dataset.sessions] == ["sub-02/ses-pre"]


def test_labels_that_do_not_exist_are_refused_with_some_that_do(dataset_of):
    with pytest.raises(GliofillError, match=r"^participant sub-9: not in the dataset; there are sub-01, sub-02$"):
        dataset_of(*SMALL, participants=["01", "9"])
    with pytest.raises(GliofillError, match=r"^session ses-mid: not in the dataset; there are ses-post, ses-pre$"):
        dataset_of(*SMALL, sessions=["mid"])
    with pytest.raises(GliofillError, match="there are sub-01, sub-02, sub-3, sub-4, sub-5 and 2 more"):
        dataset_of(*(f"sub-{n}/anat/x.json" for n in range(3, 8)), participants=["9"])


def test_sessions_of_a_dataset_without_sessions_are_refused(dataset_of):
    with pytest.raises(GliofillError, match=r"there are no ses-\* folders"):
        dataset_of("sub-1/anat/sub-1_T1w.nii", sessions=["1"])


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for name, complaint in (("gone", "no such folder"), ("file", "not a folder"), (".", r"no sub-\* folder")):
        with pytest.raises(GliofillError, match=complaint):
            scan_dataset(tmp_path / name)


def test_a_filter_chooses_and_what_it_leaves_out_is_listed(dataset_of):
    images = [f"sub-1/anat/sub-1_{part}T1w.nii" for part in ("", "acq-MPRAGE_run-02_", "acq-MPRAGE_run-03_", "ce-gd_")]
    dataset = dataset_of(*images, bids_filter={"T1w": {"acquisition": "MPRAGE", "run": [1, 2]}})
    assert [scan.path.name for scan in dataset.sessions[0].candidates(Contrast.T1W)] == [
        "sub-1_acq-MPRAGE_run-02_T1w.nii"
    ]
    assert len(dataset.sessions[0].candidates(Contrast.T1POST)) == 1
    assert reasons(dataset) == {
        "sub-1/anat/sub-1_T1w.nii": "left out by the filter for T1w (acq)",
        "sub-1/anat/sub-1_acq-MPRAGE_run-03_T1w.nii": "left out by the filter for T1w (run)",
    }


def test_a_filter_lets_another_suffix_serve(dataset_of):
    images = [f"sub-1/anat/sub-1_{end}.nii" for end in ("UNIT1", "T1w", "acq-dark_T2w", "T2w", "ce-gd_UNIT1")]
    wanted = {"T1w": {"suffix": "UNIT1"}, "FLAIR": {"suffix": "T2w", "acq": "dark"}}
    dataset = dataset_of(*images, bids_filter=wanted)
    assert found(dataset) == {
        ("sub-1", "T1w"): "sub-1_UNIT1.nii",
        ("sub-1", "FLAIR"): "sub-1_acq-dark_T2w.nii",
        ("sub-1", "T2w"): "sub-1_T2w.nii",
    }
    assert set(reasons(dataset)) == {"sub-1/anat/sub-1_T1w.nii", "sub-1/anat/sub-1_ce-gd_UNIT1.nii"}


def test_a_relative_path_gives_absolute_ones(dataset_of, tmp_path, monkeypatch):
    dataset_of("sub-1/anat/sub-1_T1w.nii")
    monkeypatch.chdir(tmp_path / "sub-1")
    assert scan_dataset(Path("..")).sessions[0].scans[0].path == tmp_path / "sub-1/anat/sub-1_T1w.nii"


def test_a_dataset_can_be_sent_to_another_process(dataset_of):
    dataset = dataset_of("sub-1/anat/sub-1_T1w.nii", json_files={"T1w.json": {"A": 1}})
    assert pickle.loads(pickle.dumps(dataset)) == dataset


def test_scanning_loads_no_imaging_library():
    code = "import sys, gliofill.bids.scan; print(*{'numpy', 'nibabel', 'pandas', 'ants', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


@needs_data
@pytest.mark.parametrize(
    ("name", "sessions", "contrasts", "left_out"),
    [
        ("7t_trt", 44, {"T1w": 22}, 22),
        ("ds004332", 2, {"T1w": 32, "T2w": 12, "FLAIR": 6}, 8),
        ("ds051", 13, {"T1w": 27}, 14),
        ("ds114", 20, {"T1w": 20}, 0),
        ("genetics_ukbb", 14, {"T1w": 14, "FLAIR": 14}, 0),
        ("hcp_example_bids", 1, {"T1w": 1, "T2w": 1}, 0),
        ("qmri_mp2rage", 1, {}, 7),
        ("synthetic", 10, {"T1w": 10}, 0),
        ("../raw", 12, {"T1post": 1, "T1w": 9, "T2w": 8, "FLAIR": 12}, 0),
        ("../cohort", 9, {"T1post": 9, "T1w": 9, "T2w": 9, "FLAIR": 9}, 0),
    ],
)
def test_layouts_in_the_wild_are_counted_in_full(name, sessions, contrasts, left_out):
    dataset = scan_dataset(EXAMPLES / name)
    assert len(dataset.sessions) == sessions
    assert Counter(str(scan.contrast) for s in dataset.sessions for scan in s.scans) == contrasts
    assert len(dataset.unrecognised) == left_out
    assert not any(scan.warnings for s in dataset.sessions for scan in s.scans)


@needs_data
def test_layouts_in_the_wild_inherit_from_the_root():
    session = scan_dataset(EXAMPLES / "genetics_ukbb", participants=["07"]).sessions[0]
    t1w, flair = session.scans
    assert (t1w.metadata["PulseSequenceType"], flair.metadata["EchoTime"]) == ("MPRAGE", 0.395)
    assert [path.name for path in t1w.sidecars + flair.sidecars] == ["acq-MPRAGE_T1w.json", "FLAIR.json"]


@needs_data
def test_the_last_of_three_runs_in_the_wild_is_best():
    session = scan_dataset(EXAMPLES / "ds051", participants=["07"]).sessions[0]
    assert [scan.entities["run"] for scan in session.scans] == ["03", "02", "01"]


@needs_data
def test_mp2rage_serves_in_the_wild_if_the_filter_says_so():
    dataset = scan_dataset(EXAMPLES / "qmri_mp2rage", bids_filter={"T1w": {"suffix": "UNIT1"}})
    assert list(found(dataset).values()) == ["sub-1_UNIT1.nii"]
