checkpoint review:
    """What becomes of every contrast after the verdicts on the preprocessed images; may ask for more synthetic ones."""
    input:
        coverage=paths.COVERAGE,
        sessions=after("coverage", ask=lambda w: RUN.session_records()),
    output:
        table=paths.REVIEW,
    log:
        "logs/review/review.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        version=__version__,
    shell:
        "gliofill review . >{log} 2>&1"
