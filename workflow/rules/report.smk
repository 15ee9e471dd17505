rule status:
    """The tables over the cohort: the four files to use for each session, and what failed."""
    input:
        paths.COVERAGE,
        session_records,
        imputation_records,
        paths.REVIEW,
        late_records,
    output:
        complete=report(
            paths.COMPLETE, caption="../report/complete.rst", category="Cohort"
        ),
        failures=report(
            paths.FAILURES, caption="../report/failures.rst", category="Cohort"
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
    """The page over the cohort: coverage, scores, failures; and the pages of sessions that no job of theirs has written."""
    input:
        paths.COVERAGE,
        paths.COMPLETE,
        paths.FAILURES,
        paths.REVIEW,
        audit_tables,
    output:
        page=report(paths.INDEX, caption="../report/index.rst", category="Cohort"),
        scores=paths.SCORES,
        citation=paths.CITATION,
    log:
        "logs/index/index.log",
    threads: SETTINGS.threads.coverage
    resources:
        mem_mb=growing(2000 + 500 * SETTINGS.threads.coverage),
        runtime=growing(120),
    params:
        version=__version__,
    shell:
        "gliofill report . --threads {threads} >{log} 2>&1"


rule verdict:
    """Print the status; fail, now and at every run until it is mended, if any step failed."""
    input:
        complete=paths.COMPLETE,
        failures=paths.FAILURES,
        index=paths.INDEX,
    output:
        "logs/verdict.txt",
    log:
        "logs/verdict/verdict.log",
    localrule: True
    threads: 1
    shell:
        "gliofill status . --write 2> >(tee {log} >&2) && gliofill status . --write >{output}"
