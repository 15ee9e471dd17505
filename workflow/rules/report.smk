rule report:
    """The page of a session: its contrasts before and after, verdicts, provenance; and one picture of them."""
    input:
        session=session_record,
        imputed=session_imputation_records,
    output:
        page=report(
            "{participant}{visit}.html",
            caption="../report/session.rst",
            category="Sessions",
            labels={"session": "{participant}{visit}", "shows": "page"},
        ),
        picture=report(
            "{participant}/figures/{participant}{visit}_desc-complete_contrasts.png",
            caption="../report/picture.rst",
            category="Sessions",
            labels={"session": "{participant}{visit}", "shows": "contrasts"},
        ),
        volumes="{participant}/figures/{participant}{visit}_desc-viewer_volumes.js",
    log:
        "logs/report/{participant}/{participant}{visit}.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folder=page_session,
        bids_dir=literal(BIDS_DIR),
        settings=literal(STEP_SETTINGS),
        decisions=lambda wildcards: DECISIONS.of_session(page_session(wildcards)),
        version=__version__,
    shell:
        "gliofill report . {params.folder} --bids-dir {params.bids_dir:q} --settings {params.settings:q} >{log} 2>&1"


rule status:
    """The tables over the cohort: the four files to use for each session, and what failed."""
    input:
        derivatives.COVERAGE,
        session_records,
        imputation_records,
        derivatives.REVIEW,
        late_records,
    output:
        complete=report(
            derivatives.COMPLETE, caption="../report/complete.rst", category="Cohort"
        ),
        failures=report(
            derivatives.FAILURES, caption="../report/failures.rst", category="Cohort"
        ),
    log:
        "logs/status/status.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        version=__version__,
    shell:
        "gliofill status . --write --no-verdict >{log} 2>&1"


rule index:
    """The page over the cohort: coverage, scores, failures, and the way to each session."""
    input:
        derivatives.COVERAGE,
        derivatives.COMPLETE,
        derivatives.FAILURES,
        derivatives.REVIEW,
        session_pages,
        late_pages,
        audit_tables,
    output:
        page=report(derivatives.INDEX, caption="../report/index.rst", category="Cohort"),
        scores=derivatives.SCORES,
        citation=derivatives.CITATION,
    log:
        "logs/index/index.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        version=__version__,
    shell:
        "gliofill report . >{log} 2>&1"


rule verdict:
    """Print the status; fail, now and at every run until it is mended, if any step failed."""
    input:
        complete=derivatives.COMPLETE,
        failures=derivatives.FAILURES,
        index=derivatives.INDEX,
    output:
        "logs/verdict.txt",
    log:
        "logs/verdict/verdict.log",
    localrule: True
    threads: 1
    shell:
        "gliofill status . --write 2> >(tee {log} >&2) && gliofill status . --write >{output}"
