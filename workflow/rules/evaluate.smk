rule evaluate_task:
    """Every model of a task on the patients that nobody has seen, beside the baselines: tables and figures."""
    input:
        split=experiment.SPLIT,
        models=after("split", ask=lambda w: RUN.models_of(w.task)),
    output:
        tables=experiment.evaluation_tables("{task}"),
        figures=experiment.evaluation_figures("{task}"),
    log:
        "logs/evaluate/{task}.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=growing(12000),
        runtime=growing(240),
    params:
        folder=experiment.evaluation("{task}"),
        models=experiment.models("{task}"),
        figures=lambda w, output: os.path.dirname(output.figures[0]),
        learning=literal(RUN.learning_words),
        strata=literal(RUN.strata_words),
        version=__version__,
    shell:
        "gliofill evaluate {params.folder} --models {params.models} --task {wildcards.task} --split {input.split} "
        "{params.learning:q} {params.strata:q} --figures {params.figures} --threads {threads} --no-verdict >{log} 2>&1"


rule evaluate:
    """Tables and figures of both tasks; fails if a session could not be evaluated."""
    input:
        failures=expand(experiment.failures("{task}"), task=SETTINGS.train.tasks),
        # all that is made together is asked for: of what is not, no one would miss a part
        tables=expand(experiment.evaluation_tables("{task}"), task=SETTINGS.train.tasks),
        figures=expand(
            experiment.evaluation_figures("{task}"), task=SETTINGS.train.tasks
        ),
    log:
        "logs/evaluate/failures.log",
    localrule: True
    threads: 1
    shell:
        "! tail --quiet --lines=+2 {input.failures} | grep . | tee {log}"


rule experiment:
    """The paper's whole design on the user's cohort: split, tuning, training, evaluation."""
    input:
        balance=experiment.SPLIT_BALANCE,
        tuning=rules.tune.input if SETTINGS.train.recipe == "tuned" else [],
        evaluation=rules.evaluate.input,
