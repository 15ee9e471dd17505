rule train:
    """Train one task on the complete sessions of a derivatives folder; a stopped run continues where it was."""
    output:
        model="models/{task}/model.json",
    log:
        "logs/train/{task}.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=1440,
    params:
        folder=lambda wildcards, output: str(Path(output.model).parent),
        derivatives=literal(SETTINGS.train.derivatives or str(SETTINGS.output_dir)),
        recipe=literal(RECIPE),
        device=SETTINGS.train.device,
        participants=list(SETTINGS.train.participants),
        validation=list(SETTINGS.train.validation),
        version=__version__,
    shell:
        "gliofill train {params.folder:q} --derivatives {params.derivatives:q} --task {wildcards.task} "
        "--recipe {params.recipe:q} --participant-label {params.participants:q} --validation-label {params.validation:q} "
        "--device {params.device} --threads {threads} >{log} 2>&1"


rule train_all:
    """Both tasks."""
    input:
        expand("models/{task}/model.json", task=[task.name for task in TASKS]),
