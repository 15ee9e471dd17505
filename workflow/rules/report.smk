rule summary:
    """The tables over the cohort: the four files to use for each session, and what failed."""
    input:
        coverage=paths.COVERAGE,
        sessions=after("coverage", ask=lambda w: RUN.session_records()),
        imputations=after("coverage", ask=lambda w: RUN.imputation_records()),
        review=paths.REVIEW,
        late=after("coverage", "review", ask=lambda w: RUN.late_records()),
    output:
        complete=report(
            paths.COMPLETE, caption="../report/complete.rst", category="Cohort"
        ),
        failures=report(
            paths.FAILURES, caption="../report/failures.rst", category="Cohort"
        ),
    log:
        "logs/summary/summary.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        version=__version__,
    shell:
        "gliofill summary . >{log} 2>&1"


rule report:
    """The page over the cohort: coverage, scores, failures; and the pages of sessions that are missing or old."""
    input:
        coverage=paths.COVERAGE,
        complete=paths.COMPLETE,
        failures=paths.FAILURES,
        review=paths.REVIEW,
        audit=after("coverage", ask=lambda w: RUN.audit_tables()),
    output:
        page=report(paths.INDEX, caption="../report/index.rst", category="Cohort"),
        scores=paths.SCORES,
        citation=paths.CITATION,
    log:
        "logs/report/report.log",
    threads: SETTINGS.threads.coverage
    resources:
        mem_mb=growing(2000 + 500 * SETTINGS.threads.coverage),
        runtime=growing(120),
    params:
        version=__version__,
    shell:
        "gliofill report . --threads {threads} >{log} 2>&1"


rule status:
    """Print what became of the cohort; fail, now and at every run until its input is fixed, if any step failed."""
    input:
        complete=paths.COMPLETE,
        failures=paths.FAILURES,
        page=paths.INDEX,
    output:
        text=paths.STATUS,
    log:
        "logs/status/status.log",
    localrule: True
    threads: 1
    params:
        version=__version__,
    shell:
        "gliofill status . --results 2> >(tee {log} >&2) && gliofill status . --results >{output.text}"
