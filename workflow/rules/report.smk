rule report:
    """One picture per session: the contrasts in three planes, the synthetic ones marked."""
    input:
        session=lambda wildcards: derivatives.session_qc(session_of(wildcards.prefix)),
        imputed=lambda wildcards: imputation_records_of(session_of(wildcards.prefix)),
    output:
        picture="{participant}/figures/{prefix}_desc-complete_contrasts.png",
    log:
        "logs/report/{participant}/{prefix}.log",
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(10),
    params:
        folder=lambda wildcards: session_of(wildcards.prefix),
        version=__version__,
    shell:
        "gliofill report . {params.folder} >{log} 2>&1"


rule status:
    """The tables over the cohort: the four files to use for each session, and what failed."""
    input:
        derivatives.COVERAGE,
        session_records,
        imputation_records,
        session_pictures,
    output:
        complete=derivatives.COMPLETE,
        failures=derivatives.FAILURES,
    log:
        "logs/status/status.log",
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        version=__version__,
    shell:
        "gliofill status . --no-verdict >{log} 2>&1"


rule verdict:
    """Print the status; fail, now and at every run until it is mended, if any step failed."""
    input:
        complete=derivatives.COMPLETE,
        failures=derivatives.FAILURES,
    output:
        "logs/verdict.txt",
    localrule: True
    threads: 1
    shell:
        "gliofill status . && gliofill status . >{output}"
