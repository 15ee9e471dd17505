"""What rules ask for, from a configuration and the tables of a cohort."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gliofill.cohort.coverage import Row, write_coverage
from gliofill.cohort.review import Outcome, write_review
from gliofill.config.settings import ImputeSettings
from gliofill.contrasts import TASKS, Contrast, Task
from gliofill.derivatives import paths
from gliofill.errors import GliofillError
from gliofill.files.atomic import write_text
from gliofill.run.rules import Run, make_run

FLAIR, T1W = TASKS


def checksum(task: Task, settings: ImputeSettings) -> str:
    return f"{settings.models[task.name]} of {task.name}"


def make(folder: Path, **config: Any) -> Run:
    return make_run({"bids_dir": "bids", "output_dir": "out"} | config, folder, checksum)


def cover(run: Run, *plan: tuple[str, Contrast, str]) -> None:
    """Write the coverage table of sessions that each have a contrast to use or to impute."""
    rows = []
    for folder, contrast, action in plan:
        participant, _, visit = folder.partition("/")
        file = f"{folder}/anat/{contrast}.nii.gz" if action == "use" else "n/a"
        rows.append(Row(participant, visit or "n/a", str(contrast), "ok", action, file=file))
    write_coverage(run.settings.output_dir / paths.COVERAGE, rows)


def split(run: Run, *folds: int) -> None:
    lines = [f"sub-{number:02d}\t{fold}\ttest\tsub-01" for number, fold in enumerate(folds)]
    write_text(
        run.settings.output_dir / "experiment/split.tsv", "\n".join(["participant_id\tfold\tset\tpatient", *lines])
    )


def test_relative_paths_start_where_the_run_was_started(tmp_path: Path) -> None:
    run = make(tmp_path, train={"derivatives": "../other"}, split={"table": "patients.tsv"})
    assert run.settings.output_dir == tmp_path / "out"
    assert run.learning_dir == str(tmp_path.parent / "other")
    assert run.participants_table == str(tmp_path / "patients.tsv")
    assert make(tmp_path).learning_dir == str(tmp_path / "out")
    assert make(tmp_path).participants_table == str(tmp_path / "bids" / "participants.tsv")


def test_tasks_without_a_model_are_not_filled(tmp_path: Path) -> None:
    run = make(tmp_path, impute={"models": {FLAIR.name: "demo", T1W.name: "none"}})
    assert run.models == {FLAIR: f"demo of {FLAIR.name}"}
    assert run.model_filling("FLAIR") == f"demo of {FLAIR.name}"
    assert run.coverage_words[-2:] == ["--fill", FLAIR.name]


def test_the_choice_of_images_reaches_the_coverage_word_by_word(tmp_path: Path) -> None:
    write_text(tmp_path / "review table.tsv", "participant\tsession\tcontrast\tuse\treason\n")
    run = make(
        tmp_path,
        participants=["sub-01", "02"],
        bids_filter={"T1w": {"acq": "3d"}},
        preprocess={"derivatives": {"bet": "masks"}},
        review_table="review table.tsv",
    )
    words = run.coverage_words
    assert words[:5] == ["--participant-label", "01", "02", "--exclude-participant-label", "--session-label"]
    assert json.loads(words[words.index("--bids-filter") + 1]) == {"T1w": {"acq": "3d"}}
    assert words[words.index("--derivatives") + 1] == f"bet={tmp_path / 'masks'}"
    assert words[words.index("--review-table") + 1] == str(tmp_path / "review table.tsv")


def test_the_state_of_decisions_follows_their_content(tmp_path: Path) -> None:
    table = tmp_path / "review.tsv"
    header = "participant\tsession\tcontrast\tuse\treason\n"
    write_text(table, header)
    first = make(tmp_path, review_table="review.tsv")
    os.utime(table, (0, 0))
    assert make(tmp_path, review_table="review.tsv").decisions_state == first.decisions_state != ""
    write_text(table, f"{header}01\tn/a\tFLAIR\tno\tmotion\n")
    changed = make(tmp_path, review_table="review.tsv")
    assert changed.decisions_state != first.decisions_state
    assert json.loads(changed.decisions.of_session("sub-01")) == {"FLAIR": ["no", "motion"]}
    assert make(tmp_path).decisions_state == ""


def test_sessions_are_made_from_their_images_and_filled_as_the_coverage_table_says(tmp_path: Path) -> None:
    run = make(tmp_path)
    cover(run, ("sub-01", Contrast.T2W, "use"), ("sub-01", Contrast.FLAIR, "impute"), ("sub-02", Contrast.T1W, "gap"))
    assert run.raw_images("sub-01") == [f"{tmp_path}/bids/sub-01/anat/T2w.nii.gz"]
    assert run.session_records() == [paths.session_qc("sub-01")]
    assert run.imputation_records() == [paths.imputed_qc("sub-01", Contrast.FLAIR)]


def test_a_table_that_changes_is_read_again(tmp_path: Path) -> None:
    run = make(tmp_path)
    cover(run, ("sub-01", Contrast.T2W, "use"))
    assert run.session_records() == [paths.session_qc("sub-01")]
    cover(run, ("sub-01", Contrast.T2W, "use"), ("sub-02", Contrast.T2W, "use"))
    assert run.session_records() == [paths.session_qc("sub-01"), paths.session_qc("sub-02")]


@pytest.mark.parametrize(("align", "first"), [("first", [paths.session_qc("sub-01/ses-a")]), ("template", [])])
def test_later_sessions_wait_for_the_first_one_only_where_they_are_aligned_to_it(
    tmp_path: Path, align: str, first: list[str]
) -> None:
    run = make(tmp_path, preprocess={"align_sessions": align})
    cover(run, ("sub-01/ses-b", Contrast.T2W, "use"), ("sub-01/ses-a", Contrast.T2W, "use"))
    assert run.first_record("sub-01/ses-b") == first
    assert run.first_record("sub-01/ses-a") == []


def test_masks_of_a_session_are_found_in_the_linked_datasets(tmp_path: Path) -> None:
    mask = tmp_path / "masks" / "sub-01" / "anat" / "sub-01_desc-brain_mask.nii.gz"
    mask.parent.mkdir(parents=True)
    mask.touch()
    run = make(tmp_path, preprocess={"derivatives": {"bet": "masks"}})
    assert run.external_masks("sub-01") == [str(mask)] and run.external_masks("sub-02") == []


def test_the_review_asks_for_what_the_coverage_table_did_not(tmp_path: Path) -> None:
    run = make(tmp_path)
    cover(run, ("sub-01", Contrast.FLAIR, "impute"), ("sub-02", Contrast.FLAIR, "use"))
    outcomes = [Outcome(folder, "n/a", "FLAIR", "unusable", "impute", "T2w") for folder in ("sub-01", "sub-02")]
    write_review(run.settings.output_dir / paths.REVIEW, outcomes)
    assert run.late_records() == [paths.imputed_qc("sub-02", Contrast.FLAIR)]


@pytest.mark.parametrize(("sessions", "tasks"), [(3, [FLAIR]), (0, [])], ids=["on", "off"])
def test_only_models_that_fill_a_gap_are_audited(tmp_path: Path, sessions: int, tasks: list[Task]) -> None:
    run = make(tmp_path, audit={"sessions": sessions})
    cover(run, ("sub-01", Contrast.FLAIR, "impute"), ("sub-01", Contrast.T2W, "use"))
    assert run.audited_tasks == tasks
    assert len(run.audit_parts()) == 2 * len(tasks) and len(run.audit_tables()) == 3 * len(tasks)


def test_every_fold_task_and_label_has_a_model_in_the_order_of_the_folds(tmp_path: Path) -> None:
    write_text(tmp_path / "mine.yaml", "name: mine\n")
    run = make(tmp_path, train={"tasks": [FLAIR.name], "variants": ["lesion"], "compare": ["best"]})
    split(run, 10, 2, 10)
    folder = f"experiment/models/{FLAIR.name}"
    names = [f"fold-{fold}/{label}/model.json" for fold in (2, 10) for label in ("lesion", "best")]
    assert run.models_of(FLAIR.name) == run.all_models() == [f"{folder}/{name}" for name in names]


def test_a_label_is_a_recipe_or_a_variant_of_the_chosen_one(tmp_path: Path) -> None:
    write_text(tmp_path / "mine.yaml", "name: mine\n")
    run = make(tmp_path, train={"recipe": "mine.yaml", "compare": ["best"]})
    mine = str(tmp_path / "mine.yaml")
    assert run.recipe_of(FLAIR.name, "nolesion") == mine and Path(run.recipe_of(FLAIR.name, "best")).stem == "best"
    assert run.variant_words("nolesion") == ["--variant", "nolesion"] and run.variant_words("best") == []
    before = run.recipe_state(mine)
    write_text(tmp_path / "mine.yaml", "name: other\n")
    assert run.recipe_state(mine) != before


def test_a_tuned_recipe_is_followed_as_a_file(tmp_path: Path) -> None:
    run = make(tmp_path, train={"recipe": "tuned"}, tune={"workers": 2})
    best = f"experiment/tune/{FLAIR.name}/best.yaml"
    assert run.recipe_of(FLAIR.name, "lesion") == best and run.recipe_state(best) == "tuned"
    assert [Path(file).name for file in run.study_workers(FLAIR.name)] == ["worker-1.done", "worker-2.done"]


def test_the_alias_is_named_only_where_there_is_one(tmp_path: Path) -> None:
    run = make(tmp_path, evaluate={"strata": ["grade"]}, split={"alias": "person"})
    assert run.strata_words[2:] == ["--strata", "grade", "--alias", "person"]
    assert make(tmp_path).strata_words[2:] == ["--strata"]


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        (["lesion"], "recipe 'lesion' is neither a file"),
        (["tuned"], "train.compare: tuned: name recipes of config/recipes"),
        (["./mine.yaml"], r"train.compare: \./mine.yaml: name recipes of config/recipes"),
    ],
    ids=["variant", "tuned", "path"],
)
def test_models_are_compared_by_the_names_of_recipes(tmp_path: Path, compare: list[str], message: str) -> None:
    write_text(tmp_path / "mine.yaml", "name: mine\n")
    with pytest.raises(GliofillError, match=message):
        make(tmp_path, train={"compare": compare})


def test_an_output_folder_of_others_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "out" / "thesis.tex", "")
    with pytest.raises(GliofillError, match="holds files that gliofill did not make"):
        make(tmp_path)
