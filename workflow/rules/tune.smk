rule tune_worker:
    """Share the trials of a study with the other workers; comes and goes as machines do."""
    input:
        split="experiment/split.tsv",
        recipe=lambda wildcards: str(RECIPES[SETTINGS.tune.recipe]),
    output:
        touch("experiment/tune/{task}/worker-{worker}.done"),
    log:
        "logs/tune/{task}/worker-{worker}.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        **TUNING,
        figures="",
    shell:
        TUNE


rule tune_task:
    """Finish a study: what no worker has done, then the table of trials, its figure and the best recipe."""
    input:
        split="experiment/split.tsv",
        recipe=lambda wildcards: str(RECIPES[SETTINGS.tune.recipe]),
        workers=lambda wildcards: [
            f"experiment/tune/{wildcards.task}/worker-{n}.done"
            for n in range(1, SETTINGS.tune.workers + 1)
        ],
    output:
        recipe="experiment/tune/{task}/best.yaml",
        trials="experiment/tune/{task}/trials.tsv",
        figure="experiment/figures/{task}_trials.png",
    log:
        "logs/tune/{task}/finish.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        **TUNING,
        figures="--figures experiment/figures",
    shell:
        TUNE


rule tune:
    """The best recipe for each task."""
    input:
        expand("experiment/tune/{task}/best.yaml", task=SETTINGS.train.tasks),
        expand("experiment/tune/{task}/trials.tsv", task=SETTINGS.train.tasks),
        expand("experiment/figures/{task}_trials.png", task=SETTINGS.train.tasks),
