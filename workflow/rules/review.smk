checkpoint review:
    """What becomes of every contrast after the verdicts on the preprocessed images; may ask for more synthetic ones."""
    input:
        derivatives.COVERAGE,
        session_records,
    output:
        table=derivatives.REVIEW,
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


rule redraw:
    """Write a session's page again once what was found unusable is filled: the page did not wait for the review."""
    input:
        page="{participant}{visit}.html",
        late=lambda wildcards: late_records_of(page_session(wildcards)),
    output:
        touch("logs/redraw/{participant}/{participant}{visit}.done"),
    log:
        "logs/redraw/{participant}/{participant}{visit}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folder=page_session,
        bids_dir=literal(BIDS_DIR),
        settings=literal(STEP_SETTINGS),
        version=__version__,
    shell:
        "gliofill report . {params.folder} --bids-dir {params.bids_dir:q} --settings {params.settings:q} >{log} 2>&1"
