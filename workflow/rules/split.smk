# nobody asks for the records of sessions that were preprocessed elsewhere
TRAINED_ON = (
    []
    if SETTINGS.train.derivatives
    else after("coverage", ask=lambda w: RUN.session_records())
)


checkpoint split:
    """Who is trained on, validated on and tested on; the same for both tasks and all models."""
    input:
        sessions=TRAINED_ON,
    output:
        table=experiment.SPLIT,
        balance=experiment.SPLIT_BALANCE,
    log:
        "logs/split/split.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        derivatives=literal(RUN.learning_dir),
        tasks=list(SETTINGS.train.tasks),
        participants=literal(RUN.participants_table),
        settings=literal(SETTINGS.split.to_json()),
        version=__version__,
    shell:
        "gliofill split {output.table} --derivatives {params.derivatives:q} --task {params.tasks:q} "
        "--participants-table {params.participants:q} --settings {params.settings:q} >{log} 2>&1"
