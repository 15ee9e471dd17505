checkpoint coverage:
    """Which contrast of which session is there, missing or unusable; runs again when the dataset changes."""
    input:
        state=".gliofill/dataset.txt",
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
        bids_dir=literal(BIDS_DIR),
        settings=literal(SETTINGS.usability.to_json()),
        fill=[task.name for task in MODELS],
        participants=list(SETTINGS.participants),
        excluded=list(SETTINGS.exclude_participants),
        sessions=list(SETTINGS.sessions),
        bids_filter=literal(json.dumps(SETTINGS.bids_filter)),
        derivatives=literal(LINKED_DATASETS),
        review_table=REVIEW_TABLE,
        decisions=literal(DECISIONS_STATE),
        version=__version__,
    shell:
        "gliofill coverage {params.bids_dir:q} . --settings {params.settings:q} --fill {params.fill:q} "
        "--participant-label {params.participants:q} --exclude-participant-label {params.excluded:q} --session-label {params.sessions:q} "
        "--bids-filter {params.bids_filter:q} --derivatives {params.derivatives:q} {params.review_table} --threads {threads} >{log} 2>&1 || {{ cat {log} >&2; exit 1; }}"
