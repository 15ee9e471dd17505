from pathlib import Path

import pytest

from gliofill.contrasts import Contrast
from gliofill.preprocess.scratch import LESION, MASK, Scratch, Steps, distance_in

T1POST, FLAIR = Contrast.T1POST, Contrast.FLAIR
LEFT = Scratch(Path("/scratch"), T1POST)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (LEFT.on_template(FLAIR), "resample_FLAIR/resampled.nii"),
        (LEFT.on_template(MASK), "resample_mask/resampled.nii"),
        (LEFT.on_template(distance_in(T1POST)), "resample_brain_T1post/resampled.nii"),
        (LEFT.transform(FLAIR), "resample_FLAIR/resampled.txt"),
        (LEFT.registration_scores(FLAIR), "register_FLAIR/registered.json"),
        (LEFT.alignment_scores, "align/aligned.json"),
        (LEFT.on_reference(FLAIR), "native_FLAIR/resampled.nii"),
        (LEFT.on_reference(LESION), "native_lesion/resampled.nii"),
        (LEFT.on_reference(distance_in(FLAIR)), "native_brain_FLAIR/resampled.nii"),
        # what belongs to the reference is on its grid already, without interpolation
        (LEFT.on_reference(T1POST), "correct_T1post/corrected.nii"),
        (LEFT.on_reference(MASK), "strip/mask.nii"),
        (LEFT.on_reference(distance_in(T1POST)), "strip/distance.nii"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_lie_in_the_folders_of_their_steps(file: Path, name: str) -> None:
    assert file == Path("/scratch/session") / name


def test_a_contrast_waits_for_its_own_steps_and_for_those_of_the_reference() -> None:
    assert list(Steps(T1POST).needed_for(FLAIR)) == [
        *("correct_FLAIR", "register_FLAIR", "resample_FLAIR", "native_FLAIR"),
        *("correct_T1post", "strip", "align", "resample_mask"),
    ]
