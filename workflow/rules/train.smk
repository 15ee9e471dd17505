rule train_model:
    """Train one model on one fold of the split; a stopped run continues where it was."""
    input:
        split="experiment/split.tsv",
        recipe=lambda wildcards: model_recipe(wildcards.task, wildcards.label),
    output:
        model="experiment/models/{task}/fold-{fold}/{label}/model.json",
    log:
        "logs/train/{task}/fold-{fold}_{label}.log",
    threads: SETTINGS.threads.train
    resources:
        gpu=1,
        mem_mb=growing(16000),
        runtime=growing(1440),
    params:
        folder=lambda wildcards, output: str(Path(output.model).parent),
        variant=lambda wildcards: (
            f"--variant {wildcards.label}" if wildcards.label in VARIANTS else ""
        ),
        derivatives=literal(LEARNING_DIR),
        recipe=lambda wildcards, input: recipe_state(input.recipe),
        device=SETTINGS.train.device,
        version=__version__,
    shell:
        "gliofill train {params.folder:q} --derivatives {params.derivatives:q} --task {wildcards.task} --recipe {input.recipe:q} "
        "{params.variant} --split {input.split} --fold {wildcards.fold} --cache experiment/cache "
        "--device {params.device} --threads {threads} >{log} 2>&1"


rule train:
    """Every model of the experiment: each task, fold, variant and recipe to compare with."""
    input:
        lambda wildcards: [
            model for task in SETTINGS.train.tasks for model in models_of(task)
        ],
