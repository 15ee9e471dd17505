checkpoint coverage:
    """Which contrast of which session is there, missing or unusable; runs again when the dataset changes."""
    input:
        state=DATASET_STATE,
    output:
        table=paths.COVERAGE,
        quality=paths.QUALITY,
    log:
        "logs/coverage/coverage.log",
    threads: SETTINGS.threads.coverage
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        bids_dir=literal(str(SETTINGS.bids_dir)),
        settings=literal(SETTINGS.usability.to_json()),
        choice=literal(RUN.coverage_words),
        decisions=RUN.decisions_state,
        version=__version__,
    shell:
        "gliofill coverage {params.bids_dir:q} . --settings {params.settings:q} {params.choice:q} --threads {threads} "
        ">{log} 2>&1 || {{ cat {log} >&2; exit 1; }}"
