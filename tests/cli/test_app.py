"""The BIDS-App command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gliofill.cli.app import run_app
from gliofill.cli.main import main
from gliofill.cohort.coverage import Row, write_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.description import write_description
from gliofill.errors import GliofillError
from gliofill.files.atomic import read_json, write_json
from gliofill.files.nifti import write_image


def test_group_level_writes_the_tables_and_tells_of_failures_in_the_exit_code(tmp_path: Path) -> None:
    gaps = [Row("sub-01", "n/a", str(contrast), "missing", reason="no such image") for contrast in Contrast]
    write_coverage(tmp_path / paths.COVERAGE, gaps)
    assert run_app([str(tmp_path), str(tmp_path), "group"]) == 0
    assert (tmp_path / paths.COMPLETE).is_file()
    unfinished = Row("sub-01", "n/a", str(Contrast.T1POST), "ok", "use", reason="acquired")
    write_coverage(tmp_path / paths.COVERAGE, [unfinished, *gaps[1:]])
    assert run_app([str(tmp_path), str(tmp_path), "group"]) == 1
    assert "sub-01" in (tmp_path / paths.FAILURES).read_text()


def test_snakemake_starts_in_the_output_folder_where_the_current_one_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("GLIOFILL_START", raising=False)
    started: list[tuple[Path, str]] = []

    def record(command: list[str], environment: dict[str, str], folder: Path) -> int:
        started.append((folder, environment["GLIOFILL_START"]))
        return 0

    monkeypatch.setattr("gliofill.cli.app._become", record)
    for is_writable in (True, False):
        monkeypatch.setattr("gliofill.cli.app.os.access", lambda path, mode, answer=is_writable: answer)
        assert run_app([str(tmp_path / "bids"), str(tmp_path / "out"), "participant"]) == 0
    here = str(tmp_path / "here")
    assert started == [(tmp_path / "here", here), (tmp_path / "out", here)]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Give a dataset, and collect the commands that would start Snakemake."""
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    commands: list[list[str]] = []

    def record(command: list[str], *_: object) -> int:
        commands.append(command)
        return 0

    monkeypatch.setattr("gliofill.cli.app._become", record)
    return commands


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("preprocess: {brain_maks: none}", "unknown key preprocess.brain_maks; did you mean 'brain_mask'?"),
        ("preprocess: {derivatives: 3}", "preprocess.derivatives is 3; it must be a mapping of keys to values"),
        ("audit:", "audit is empty; it must be a mapping of keys to values"),
    ],
)
def test_a_wrong_key_is_reported_with_the_file_that_has_it(
    started: list[list[str]], capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    Path("mine.yaml").write_text(content)
    assert main(["bids", "out", "participant", "--random-seed", "1", "--config", "mine.yaml"]) == 2
    assert capsys.readouterr().err.startswith(f"gliofill: configuration mine.yaml: {message}")
    assert not started


def test_a_misspelt_subcommand_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preproces", "/in"]) == 2
    assert "did you mean 'preprocess'?" in capsys.readouterr().err


def test_what_the_options_say_reaches_snakemake(started: list[list[str]]) -> None:
    assert run_app(["bids", "out", "participant", "--cores", "3", "--mem", "8G", "--gpus", "2", "--", "--quiet"]) == 0
    (command,) = started
    assert "--cores 3 --resources gpu=2 mem_mb=8000" in " ".join(command) and command[-1] == "--quiet"


def test_a_cluster_is_not_held_to_the_cores_and_gpus_of_this_machine(started: list[list[str]]) -> None:
    assert run_app(["bids", "out", "participant", "--profile", "slurm"]) == 0
    (command,) = started
    assert Path(command[command.index("--workflow-profile") + 1]).name == "slurm"
    assert "--cores" not in command and "--resources" not in command


@pytest.mark.parametrize("option", ["--participant-label", "--exclude-participant-label"])
def test_a_participant_that_is_not_there_is_told_before_anything_starts(started: list[list[str]], option: str) -> None:
    with pytest.raises(GliofillError, match=r"participant sub-010: not in .*; did you mean 01\?"):
        run_app(["bids", "out", "participant", option, "sub-010"])
    assert started == [] and not Path("out").exists()


def test_a_folder_with_other_files_is_not_written_into(started: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(GliofillError, match="holds files that gliofill did not make"):
        run_app(["bids", "out", "participant"])
    assert started == [] and [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_user_without_a_name_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    seen: list[dict[str, str]] = []

    def record(_command: list[str], environment: dict[str, str], _folder: Path) -> int:
        seen.append(environment)
        return 0

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("gliofill.cli.app._become", record)
    monkeypatch.setattr("gliofill.cli.app.getpass.getuser", nameless)
    assert run_app([str(tmp_path / "bids"), str(tmp_path / "out"), "participant"]) == 0
    assert seen[0]["USER"].startswith("uid-")


def test_the_first_crash_stops_the_run_only_if_asked_for(started: list[list[str]], tmp_path: Path) -> None:
    assert run_app(["bids", "out", "participant"]) == 0
    assert run_app(["bids", "out", "participant", "--stop_on_first_crash"]) == 0
    assert ["--keep-going" in command for command in started] == [True, False]
    assert read_json(tmp_path / "out" / ".gliofill" / "config.json")["stop_on_first_crash"] is True


def test_a_recorded_failure_fails_its_step_only_where_the_run_is_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_coverage(
        tmp_path / "out" / paths.COVERAGE,
        [Row("sub-01", "n/a", "T2w", "ok", "use", reason="acquired", file="sub-01/anat/sub-01_T2w.nii.gz")],
    )
    anat = tmp_path / "bids" / "sub-01" / "anat"
    anat.mkdir(parents=True)
    # a placeholder that does not exist: no session can be planned
    settings = json.dumps({"lesion_pattern": "{patient}.nii.gz"})
    words = ["preprocess", str(tmp_path / "bids"), str(tmp_path / "out"), "sub-01", "--settings", settings]
    write_image(anat / "sub-01_T2w.nii.gz", np.ones((9, 9, 9)), np.eye(4))
    assert main(words) == 0
    monkeypatch.setenv("GLIOFILL_STOP_ON_FIRST_CRASH", "1")
    assert main(words) == 1
    assert "gliofill: sub-01 T2w failed: pattern '{patient}.nii.gz': unknown placeholder" in capsys.readouterr().err


@pytest.mark.slow
def test_report_only_tells_what_is_missing_and_makes_nothing_else(
    started: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bids", "out", "participant", "--report-only", "--cores", "2"]
    assert main(words) == 2 and "no such file" in capsys.readouterr().err
    gaps = [
        Row(s, "n/a", str(contrast), "missing", reason="none") for s in ("sub-01", "sub-02") for contrast in Contrast
    ]
    write_description(tmp_path / "bids", tmp_path / "out")
    write_coverage(tmp_path / "out" / paths.COVERAGE, gaps)
    assert main([*words, "--participant-label", "01"]) == 0
    assert (tmp_path / "out" / "sub-01.html").is_file() and not (tmp_path / "out" / "sub-02.html").is_file()
    write_coverage(tmp_path / "out" / paths.COVERAGE, [replace(gaps[0], status="ok", action="use"), *gaps[1:]])
    assert main(words) == 1 and started == []
    assert "1 steps of 1 sessions were not reached" in capsys.readouterr().out
    assert main([*words, "--participant-label", "77"]) == 2


def test_results_of_another_version_are_told(
    started: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_by = [{"Name": "gliofill", "Version": "0.0.1"}]
    write_json(tmp_path / "out" / "dataset_description.json", {"GeneratedBy": made_by})
    assert run_app(["bids", "out", "participant"]) == 0 and len(started) == 1
    assert "was made by version 0.0.1" in capsys.readouterr().err
