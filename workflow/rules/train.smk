rule train_model:
    """Train one model on one fold of the split; a stopped run continues where it was."""
    input:
        split=experiment.SPLIT,
        recipe=lambda w: RUN.recipe_of(w.task, w.label),
    output:
        model=experiment.model("{task}", "{fold}", "{label}"),
    log:
        "logs/train/{task}/fold-{fold}_{label}.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        folder=lambda w, output: os.path.dirname(output.model),
        learning=literal(RUN.learning_words),
        variant=lambda w: RUN.variant_words(w.label),
        recipe=lambda w, input: RUN.recipe_state(input.recipe),
        version=__version__,
    shell:
        "gliofill train {params.folder:q} {params.learning:q} --task {wildcards.task} --recipe {input.recipe:q} "
        "{params.variant} --split {input.split} --fold {wildcards.fold} --threads {threads} >{log} 2>&1"


rule train:
    """Every model of the experiment: each task, fold, variant and recipe to compare with."""
    input:
        models=after("split", ask=lambda w: RUN.all_models()),
