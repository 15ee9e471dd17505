"""The BIDS-App command."""

from pathlib import Path

from gliofill.bids import derivatives
from gliofill.bids.coverage import Row, write_coverage
from gliofill.contrasts import Contrast
from gliofill.runner import run_app


def test_group_level_writes_the_tables_and_tells_of_failures_in_the_exit_code(tmp_path: Path) -> None:
    gaps = [Row("sub-01", "n/a", str(contrast), "missing", reason="no such image") for contrast in Contrast]
    write_coverage(tmp_path / derivatives.COVERAGE, gaps)
    assert run_app([str(tmp_path), str(tmp_path), "group"]) == 0
    assert (tmp_path / derivatives.COMPLETE).is_file()
    unfinished = Row("sub-01", "n/a", str(Contrast.T1POST), "ok", "use", reason="acquired")
    write_coverage(tmp_path / derivatives.COVERAGE, [unfinished, *gaps[1:]])
    assert run_app([str(tmp_path), str(tmp_path), "group"]) == 1
    assert "sub-01" in (tmp_path / derivatives.FAILURES).read_text()
