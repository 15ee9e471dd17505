rule audit_task:
    """Try the model of one task on complete sessions of the cohort, their target hidden."""
    input:
        coverage=paths.COVERAGE,
        sessions=after("coverage", ask=lambda w: RUN.session_records()),
    output:
        metrics=".gliofill/audit/{task}/desc-audit_metrics.tsv",
        sessions=".gliofill/audit/{task}/desc-audit_sessions.tsv",
    log:
        "logs/audit/{task}.log",
    threads: SETTINGS.threads.impute
    resources:
        gpu=1,
        mem_mb=growing(6000),
        runtime=growing(120),
    params:
        settings=literal(SETTINGS.audit.to_json()),
        impute=literal(SETTINGS.impute.to_json()),
        model=quick(lambda w: RUN.models[find_task(w.task)]),
        version=__version__,
    shell:
        "gliofill audit . --task {wildcards.task} --settings {params.settings:q} --impute {params.impute:q} "
        "--no-tables --threads {threads} >{log} 2>&1 || {{ cat {log} >&2; exit 1; }}"


rule audit:
    """The tables of the audit, of all tasks together."""
    input:
        parts=after("coverage", ask=lambda w: RUN.audit_parts()),
    output:
        metrics=paths.AUDIT_METRICS,
        summary=paths.AUDIT_SUMMARY,
        sessions=paths.AUDIT_SESSIONS,
    log:
        "logs/audit/audit.log",
    localrule: True
    threads: 1
    params:
        tasks=after("coverage", ask=lambda w: [task.name for task in RUN.audited_tasks]),
        version=__version__,
    shell:
        "gliofill audit . --tables-only --task {params.tasks:q} >{log} 2>&1"
