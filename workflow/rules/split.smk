checkpoint split:
    """Who is learnt from, validated on and tested on; the same for both tasks and all models."""
    input:
        sessions=learning_sessions,
    output:
        table="experiment/split.tsv",
        balance="experiment/split_balance.tsv",
    log:
        "logs/split/split.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        derivatives=literal(LEARNING_DIR),
        tasks=list(SETTINGS.train.tasks),
        participants=literal(PARTICIPANTS_TABLE),
        settings=literal(SETTINGS.split.to_json()),
        version=__version__,
    shell:
        "gliofill split {output.table} --derivatives {params.derivatives:q} --task {params.tasks:q} "
        "--participants-table {params.participants:q} --settings {params.settings:q} >{log} 2>&1"
