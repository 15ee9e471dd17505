import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.support.records import session_record, unusable
from tests.support.sessions import write_session

from gliofill.cohort.coverage import Row, write_coverage
from gliofill.contrasts import Contrast, Task
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.nifti import read_image, write_image
from gliofill.learning.volumes.cases import Case, common_crop, find_cases, load_case


def test_complete_sessions_are_found_with_and_without_session_folders(sessions: Path, task: Task) -> None:
    cases = find_cases(sessions, task)
    assert [(case.folder, case.participant, case.lesion is not None) for case in cases] == [
        ("sub-01/ses-pre", "01", True),
        ("sub-02", "02", False),
    ]


def test_participants_are_chosen_by_label(sessions: Path, task: Task) -> None:
    for label in ("02", "sub-02"):
        assert [case.folder for case in find_cases(sessions, task, participants=[label])] == ["sub-02"]


def test_imputed_images_never_train(tmp_path: Path, task: Task) -> None:
    write_session(tmp_path, "sub-03", 3)
    (tmp_path / paths.preprocessed("sub-03", task.target)).rename(tmp_path / paths.imputed("sub-03", task.target))
    with pytest.raises(GliofillError, match="no session has a preprocessed T2w, a preprocessed FLAIR and a brain mask"):
        find_cases(tmp_path, task)


def test_absent_participants_are_told(sessions: Path, task: Task) -> None:
    with pytest.raises(GliofillError, match="no session of the 1 chosen participants has"):
        find_cases(sessions, task, participants=["99"])


def test_no_session_is_told_with_place_and_contrasts(sessions: Path) -> None:
    with pytest.raises(GliofillError, match=f"{sessions}: .*T1post.*T1w"):
        find_cases(sessions, Task(Contrast.T1POST, Contrast.T1W))


def test_volume_is_scaled_inside_the_brain_and_zero_outside(cases: list[Case]) -> None:
    volume = load_case(cases[0])
    assert volume.source.shape == volume.brain.shape == (10, 160, 192)
    assert volume.source.dtype == np.float16
    assert volume.source[volume.brain].min() == 0 and volume.source[volume.brain].max() == 1
    assert not volume.source[~volume.brain].any() and not volume.target[~volume.brain].any()
    source, _ = read_image(cases[0].source)
    brain, _ = read_image(cases[0].brain)
    assert volume.source_scale.high == pytest.approx(np.percentile(source[brain > 0], 99.5))


def test_one_scale_holds_for_all_slices(cases: list[Case]) -> None:
    volume = load_case(cases[0])
    restored = volume.crop.place(volume.source_scale.from_unit(volume.source.astype(np.float32)))
    source, _ = read_image(cases[0].source)
    unclipped = (source > volume.source_scale.low) & (source < volume.source_scale.high)
    np.testing.assert_allclose(restored[unclipped], source[unclipped], atol=0.3)


def test_volume_without_lesion_file_has_no_lesion(cases: list[Case]) -> None:
    assert load_case(cases[0]).lesion.any() and not load_case(cases[1]).lesion.any()


def test_near_empty_slices_are_not_usable(cases: list[Case]) -> None:
    volume = load_case(cases[0], crop_minimum=(32, 48))
    areas = volume.brain.mean(axis=(1, 2))
    usable = volume.usable_slices(0.3)
    assert 0 < usable.size < 10
    assert areas[usable].min() >= 0.3 > np.delete(areas, usable).max()


def test_fingerprint_tells_a_changed_voxel(sessions: Path, tmp_path: Path, task: Task) -> None:
    shutil.copytree(sessions, tmp_path, dirs_exist_ok=True)
    case = find_cases(tmp_path, task)[0]
    before = load_case(case).fingerprint
    assert load_case(case).fingerprint == before
    data, affine = read_image(case.target)
    data[20, 25, 6] += 50
    write_image(case.target, data, affine)
    assert load_case(case).fingerprint != before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: np.where(data > 600, np.nan, data), "NaN or infinite values inside the brain"),
        (lambda data: np.zeros_like(data), "constant inside the brain"),
        (lambda data: data[:-1], "not on the grid of the session's brain mask"),
    ],
    ids=["nan", "constant", "other grid"],
)
def test_unusable_image_is_told_by_name(
    tmp_path: Path,
    task: Task,
    damage: Callable[[np.ndarray], np.ndarray],
    message: str,
) -> None:
    write_session(tmp_path, "sub-04", 4)
    case = find_cases(tmp_path, task)[0]
    data, affine = read_image(case.source)
    write_image(case.source, damage(data), affine)
    with pytest.raises(GliofillError, match=message) as caught:
        load_case(case)
    assert str(caught.value).startswith(str(case.source))


def test_common_crop_grows_with_the_largest_brain(tmp_path: Path, cases: list[Case]) -> None:
    assert common_crop(cases) == (160, 192)
    brain = np.zeros((197, 233, 3), dtype=np.uint8)
    brain[10:180, 10:220] = 1
    write_image(tmp_path / "mask.nii.gz", brain, np.eye(4), dtype="uint8")
    large = Case("sub-05", "05", tmp_path, tmp_path, tmp_path / "mask.nii.gz")
    assert common_crop([*cases, large]) == (176, 224)


def test_images_found_unusable_never_train_unless_a_reviewer_wants_them(tmp_path: Path, task: Task) -> None:
    for number in (3, 4):
        folder = f"sub-0{number}"
        write_session(tmp_path, folder, number)
        session_record(folder, **{str(task.source): unusable()}).write(tmp_path)
    rows = [
        Row(f"sub-0{number}", "n/a", str(task.source), "ok", "use", reason="acquired", reviewer=reviewer)
        for number, reviewer in ((3, "n/a"), (4, "yes"))
    ]
    write_coverage(tmp_path / paths.COVERAGE, rows)
    assert [case.folder for case in find_cases(tmp_path, task)] == ["sub-04"]
