"""The BIDS-App command."""

import subprocess
from pathlib import Path

import pytest

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


def test_snakemake_starts_in_the_output_folder_where_the_current_one_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("GLIOFILL_START", raising=False)
    started: list[tuple[Path, str]] = []

    def record(
        command: list[str], *, cwd: Path, env: dict[str, str], **_: object
    ) -> subprocess.CompletedProcess[bytes]:
        started.append((cwd, env["GLIOFILL_START"]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("gliofill.runner.subprocess.run", record)
    for is_writable in (True, False):
        monkeypatch.setattr("gliofill.runner.os.access", lambda path, mode, answer=is_writable: answer)
        assert run_app([str(tmp_path / "bids"), str(tmp_path / "out"), "participant"]) == 0
    here = str(tmp_path / "here")
    assert started == [(tmp_path / "here", here), (tmp_path / "out", here)]
