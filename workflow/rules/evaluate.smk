EVALUATION_TABLES = ["metrics", "summary", "comparisons", "calibration", "failures"]
EVALUATION_FIGURES = ["panels", "scores", "calibration"]


rule evaluate_task:
    """Every model of a task on the patients that nobody has seen, beside the baselines: tables and figures."""
    input:
        split="experiment/split.tsv",
        models=lambda wildcards: models_of(wildcards.task),
    output:
        expand("experiment/evaluation/{{task}}/{table}.tsv", table=EVALUATION_TABLES),
        figures=expand(
            "experiment/figures/{{task}}_{figure}.png", figure=EVALUATION_FIGURES
        ),
    log:
        "logs/evaluate/{task}.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=growing(12000),
        runtime=growing(240),
    params:
        derivatives=literal(LEARNING_DIR),
        participants=literal(PARTICIPANTS_TABLE),
        strata=list(SETTINGS.evaluate.strata),
        alias=f"--alias {SETTINGS.split.alias}" if SETTINGS.split.alias else "",
        device=SETTINGS.train.device,
        version=__version__,
    shell:
        "gliofill evaluate experiment/evaluation/{wildcards.task} --derivatives {params.derivatives:q} "
        "--task {wildcards.task} --split {input.split} --models experiment/models/{wildcards.task} "
        "--participants-table {params.participants:q} --strata {params.strata:q} {params.alias} "
        "--figures experiment/figures --cache experiment/cache --device {params.device} --threads {threads} --no-verdict >{log} 2>&1"


rule evaluate:
    """Tables and figures of both tasks; fails if a session could not be evaluated."""
    input:
        failures=expand(
            "experiment/evaluation/{task}/failures.tsv", task=SETTINGS.train.tasks
        ),
        # all that is made together is asked for: of what is not, no one would miss a part
        tables=expand(
            "experiment/evaluation/{task}/{table}.tsv",
            task=SETTINGS.train.tasks,
            table=EVALUATION_TABLES,
        ),
        figures=expand(
            "experiment/figures/{task}_{figure}.png",
            task=SETTINGS.train.tasks,
            figure=EVALUATION_FIGURES,
        ),
    log:
        "logs/evaluate/failures.log",
    localrule: True
    shell:
        "! tail --quiet --lines=+2 {input.failures} | grep . | tee {log}"


rule experiment:
    """The paper's whole design on the user's cohort: split, tuning, training, evaluation."""
    input:
        "experiment/split_balance.tsv",
        rules.tune.input if SETTINGS.train.recipe == "tuned" else [],
        rules.evaluate.input,
