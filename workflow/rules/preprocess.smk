# what a third-party tool that finds the brain needs beside the other steps
TOOL_MB = 8000 if SETTINGS.preprocess.runs_program else 0
TOOL_GPU = {"gpu": 1} if TOOL_MB and SETTINGS.preprocess.brain_device == "cuda" else {}


rule preprocess:
    """N4, brain mask, rigid registration, one resampling: the usable contrasts of one session."""
    input:
        images=after("coverage", ask=lambda w: RUN.raw_images(w.folder)),
        masks=quick(lambda w: RUN.external_masks(w.folder)),
        first=after("coverage", ask=lambda w: RUN.first_record(w.folder)),
    output:
        record="{folder}/anat/{prefix}_desc-contrasts_qc.json",
    log:
        "logs/preprocess/{folder}/{prefix}.log",
    threads: SETTINGS.threads.preprocess
    resources:
        **TOOL_GPU,
        mem_mb=growing(1500 + 1500 * SETTINGS.threads.preprocess + TOOL_MB),
        runtime=growing(60),
    params:
        bids_dir=literal(str(SETTINGS.bids_dir)),
        settings=literal(SETTINGS.preprocess.to_json()),
        scratch=literal(["--work-dir", SETTINGS.scratch] if SETTINGS.scratch else []),
        version=__version__,
    shell:
        "gliofill preprocess {params.bids_dir:q} . {wildcards.folder} --settings {params.settings:q} "
        "{params.scratch:q} --threads {threads} >{log} 2>&1"
