rule impute:
    """Synthesise one missing contrast of one session; on a GPU also some that wait, whose jobs take them over."""
    input:
        session="{folder}/anat/{prefix}_desc-contrasts_qc.json",
    output:
        record="{folder}/anat/{prefix}_desc-imputed{contrast}_qc.json",
    log:
        "logs/impute/{folder}/{prefix}_{contrast}.log",
    threads: SETTINGS.threads.impute
    resources:
        gpu=1,
        mem_mb=growing(6000),
        runtime=growing(30),
    params:
        settings=literal(SETTINGS.impute.to_json()),
        model=quick(lambda w: RUN.model_filling(w.contrast)),
        decisions=quick(lambda w: RUN.decisions.of_session(w.folder)),
        version=__version__,
    shell:
        "gliofill impute . {wildcards.folder} {wildcards.contrast} --if-planned --ahead 15 "
        "--settings {params.settings:q} --threads {threads} >{log} 2>&1"
