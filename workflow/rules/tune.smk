rule tune_worker:
    """Share the trials of a study with the other workers; comes and goes as machines do."""
    input:
        split=experiment.SPLIT,
        recipe=lambda w: str(RUN.recipes[SETTINGS.tune.recipe]),
    output:
        note=touch(experiment.study_worker("{task}", "{worker}")),
    log:
        "logs/tune/{task}/worker-{worker}.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        study=experiment.study("{task}"),
        learning=literal(RUN.learning_words),
        settings=literal(SETTINGS.tune.to_json()),
        recipe=lambda w, input: RUN.recipe_state(input.recipe),
        figures=[],
        version=__version__,
    shell:
        "gliofill tune {params.study} {params.learning:q} --task {wildcards.task} --recipe {input.recipe:q} "
        "--split {input.split} --settings {params.settings:q} {params.figures} --threads {threads} >{log} 2>&1"


use rule tune_worker as tune_task with:
    """Finish a study: what no worker has done, then the table of trials, its figure and the best recipe."""
    input:
        split=experiment.SPLIT,
        recipe=lambda w: str(RUN.recipes[SETTINGS.tune.recipe]),
        workers=lambda w: RUN.study_workers(w.task),
    output:
        recipe=experiment.best_recipe("{task}"),
        trials=experiment.trials("{task}"),
        figure=experiment.figure("{task}", "trials"),
    log:
        "logs/tune/{task}/finish.log",
    params:
        figures=lambda w, output: ["--figures", os.path.dirname(output.figure)],


rule tune:
    """The best recipe for each task."""
    input:
        recipes=expand(experiment.best_recipe("{task}"), task=SETTINGS.train.tasks),
        trials=expand(experiment.trials("{task}"), task=SETTINGS.train.tasks),
        figures=expand(experiment.figure("{task}", "trials"), task=SETTINGS.train.tasks),
