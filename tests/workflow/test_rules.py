"""What a rule looks like: short, named as its subcommand, with everything that a job needs declared."""

import re

import pytest
from tests.conftest import ROOT

from gliofill.cli.main import SUBCOMMANDS
from gliofill.contrasts import TASKS, Contrast
from gliofill.derivatives import paths

FILES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))


def rules() -> dict[str, str]:
    """Return the text of each rule, by its name."""
    text = "\n\n".join(file.read_text() for file in FILES)
    found = re.findall(
        r"^(?:use rule \w+ as|rule|checkpoint) (\w+)(?: with)?:\n((?:[ \t].*\n|\n)*)", text, re.MULTILINE
    )
    return {name: body.rstrip() for name, body in found}


RULES = rules()
STEPS = {name: body for name, body in RULES.items() if '"gliofill ' in body}


def test_every_subcommand_of_the_workflow_has_a_rule_of_its_name() -> None:
    called = {re.search(r'"gliofill ([\w-]+)', body)[1] for body in STEPS.values()}
    assert called <= set(SUBCOMMANDS) & set(RULES) and len(called) == 12


@pytest.mark.parametrize("name", STEPS)
def test_rule_subcommand_and_folder_of_the_log_have_one_name(name: str) -> None:
    subcommands = set(re.findall(r"gliofill ([a-z][\w-]*)", STEPS[name].partition("shell:")[2]))
    # a part is called after the whole
    assert subcommands == {name.partition("_")[0]}


@pytest.mark.parametrize("name", [name for name, body in RULES.items() if "log:" in body])
def test_logs_lie_in_the_folder_of_the_subcommand(name: str) -> None:
    assert re.findall(r'log:\s+"logs/(\w+)/', RULES[name]) == [name.partition("_")[0]]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_declares_what_it_needs_and_depends_on_the_version(name: str) -> None:
    body = STEPS[name]
    assert all(word in body for word in ("input:", "output:", "log:", "threads:", "params:", "version=__version__"))
    assert "resources:" in body or "localrule: True" in body


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_short_tells_what_it_does_and_names_what_it_takes_and_makes(name: str) -> None:
    assert len(RULES[name].splitlines()) < 25 and RULES[name].lstrip().startswith('"""')
    for section in re.findall(r"    (?:input|output):\n((?: {8}.*\n)+)", f"{RULES[name]}\n"):
        items = re.findall(r"^ {8}(?! |#|\))(.+)", section, re.MULTILINE)
        assert items and all(re.match(r"\w+=", item) for item in items)


def test_no_line_is_longer_than_120_columns_and_nothing_but_a_shell_is_run() -> None:
    text = "".join(file.read_text() for file in [*FILES, ROOT / "Snakefile"])
    assert max(map(len, text.splitlines())) <= 120
    assert not re.search(r"^    (run|script|notebook):", text, re.MULTILINE)
    assert len((ROOT / "workflow" / "rules" / "common.smk").read_text().splitlines()) <= 120


def test_paths_of_the_experiment_are_not_spelt_in_rules() -> None:
    assert "experiment/" not in "".join(file.read_text() for file in FILES)


@pytest.mark.parametrize("contrast", [None, Contrast.FLAIR], ids=["preprocess", "impute"])
def test_records_and_logs_of_sessions_are_where_the_code_looks_for_them(contrast: Contrast | None) -> None:
    step = "impute" if contrast else "preprocess"
    wildcards = {"folder": "sub-01/ses-a", "prefix": "sub-01_ses-a", "contrast": contrast}
    record, log = (re.search(rf'{name}"([^"]+)"', STEPS[step])[1] for name in ("record=", "log:\n        "))
    folder = wildcards["folder"]
    assert log.format(**wildcards) == paths.step_log(step, folder, contrast)
    expected = paths.imputed_qc(folder, contrast) if contrast else paths.session_qc(folder)
    assert record.format(**wildcards) == expected


def test_parts_of_the_audit_are_where_the_code_looks_for_them() -> None:
    made = re.findall(r'(?:metrics|sessions)="([^"]+)"', STEPS["audit_task"])
    tables = (paths.AUDIT_METRICS, paths.AUDIT_SESSIONS)
    assert [name.format(task=TASKS[0].name) for name in made] == [paths.audit_part(TASKS[0], name) for name in tables]
