"""gliofill: from a BIDS dataset to a complete set of four MRI contrasts per session.

The stages stand in workflow/rules. Every rule is one call of the `gliofill` subcommand of its name, so that each step
can be run by hand. Where a subcommand works in parts, their rules are called after it, as train_model, and the rule of
its name asks for all of them. Logs are in logs/SUBCOMMAND.
"""

from pathlib import Path


configfile: str(Path(workflow.basedir) / "config" / "config.yaml")


# used with --sdm apptainer only: each step then runs in the image that envs/gliofill.def makes
container: str(Path(workflow.basedir) / "envs" / "gliofill.sif")


include: "workflow/rules/common.smk"
include: "workflow/rules/coverage.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/review.smk"
include: "workflow/rules/impute.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/split.smk"
include: "workflow/rules/tune.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"


rule all:
    """The complete cohort: tables, pictures, an audit, and a status that fails as long as any step did."""
    default_target: True
    input:
        # what failed last time is missing, and Snakemake makes it again only if the goal itself asks for it
        rules.summary.input,
        audit=after("coverage", ask=lambda w: RUN.audit_tables()),
        status=paths.STATUS,
        # all that is made together is asked for: of what is not, no one would miss a part
        tables=[paths.QUALITY, paths.SCORES, paths.CITATION],


onstart:
    answer_aside(signal.SIGTERM)
    # a profile that goes on after a failure cannot be told otherwise from the command line
    if SETTINGS.stop_on_first_crash:
        workflow.scheduler.keepgoing = False


onsuccess:
    remove_leftovers(SETTINGS.output_dir, [SETTINGS.scratch], temporary=False)


onerror:
    remove_leftovers(SETTINGS.output_dir, [SETTINGS.scratch], temporary=True)
    shell(
        f"test ! -f {paths.COVERAGE} || "
        "(gliofill summary . && mkdir -p logs/report && gliofill report . >logs/report/report.log 2>&1)"
    )
