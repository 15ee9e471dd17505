"""What filling a gap does with verdicts: an image that says why, a gap without a usable source, nothing unasked for."""

from pathlib import Path

import numpy as np
import pytest
from tests.support.known_model import GRID
from tests.support.records import failed, session_record, unusable
from tests.support.reviewed import GOOD, cohort, coverage

from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.imputation_record import ImputationRecord
from gliofill.derivatives.session_record import PreprocessedContrast
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json
from gliofill.files.nifti import write_image
from gliofill.synthesis import gap

pytestmark = pytest.mark.usefixtures("known_model")

FLAIR = paths.imputed("sub-01", Contrast.FLAIR)


def write_images(folder: Path) -> None:
    source = np.random.default_rng(0).uniform(1000, 2000, size=GRID)
    write_image(folder / paths.preprocessed("sub-01", Contrast.T2W), source, np.eye(4))
    brain = np.zeros(GRID)
    brain[5:35, 5:45, 2:10] = 1
    write_image(folder / paths.brain_mask("sub-01"), brain, np.eye(4), dtype="uint8")


def fill(folder: Path, *, if_planned: bool = False) -> ImputationRecord:
    return gap.fill(folder, "sub-01", Contrast.FLAIR, ImputeSettings(device="cpu"), if_planned=if_planned)


def test_the_reason_says_that_an_unusable_image_was_replaced(tmp_path: Path) -> None:
    cohort(tmp_path, coverage(dict.fromkeys(Contrast, GOOD)), session_record(FLAIR=unusable()))
    write_images(tmp_path)
    assert fill(tmp_path).status == "ok"
    sidecar = read_json(tmp_path / paths.sidecar(FLAIR))
    assert sidecar["ImputationReason"] == "the acquired FLAIR is unusable: looks like a T2w"


def test_a_source_used_by_a_reviewers_word_is_named_in_the_warnings(tmp_path: Path) -> None:
    rows = coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}, (Contrast.T2W, True))
    cohort(tmp_path, rows, session_record(T2w=unusable()))
    write_images(tmp_path)
    assert fill(tmp_path).source_state == "flagged"
    warnings = read_json(tmp_path / paths.sidecar(FLAIR))["Warnings"]
    assert any("because a reviewer decided so (I looked)" in warning for warning in warnings)


@pytest.mark.parametrize(("source", "status"), [(unusable(), "gap"), (failed("N4 broke"), "failed")])
def test_without_a_usable_source_nothing_is_made_and_an_earlier_image_goes(
    tmp_path: Path, source: PreprocessedContrast, status: str
) -> None:
    cohort(tmp_path, coverage({c: GOOD for c in Contrast if c is not Contrast.FLAIR}), session_record(T2w=source))
    write_image(tmp_path / FLAIR, np.zeros(GRID), np.eye(4))
    record = fill(tmp_path)
    assert record.status == status and source.reason in record.reason
    assert not (tmp_path / FLAIR).exists()


def test_what_nobody_asks_for_is_an_error_by_hand_and_a_gap_in_the_workflow(tmp_path: Path) -> None:
    cohort(tmp_path, coverage(dict.fromkeys(Contrast, GOOD)), session_record())
    with pytest.raises(GliofillError, match=r"neither .* nor the review plan to synthesise it"):
        fill(tmp_path)
    record = fill(tmp_path, if_planned=True)
    assert record.status == "gap" and "not asked for" in record.reason
