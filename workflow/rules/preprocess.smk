# what a program of others that finds the brain needs beside the other steps
PROGRAM_MB = 8000 if SETTINGS.preprocess.runs_program else 0
PROGRAM_GPU = (
    {"gpu": 1} if PROGRAM_MB and SETTINGS.preprocess.brain_device == "cuda" else {}
)


rule preprocess:
    """N4, brain mask, rigid registration, one resampling: the usable contrasts of one session."""
    input:
        images=raw_images,
        masks=external_masks,
        first=first_record if SETTINGS.preprocess.align_sessions == "first" else [],
    output:
        record="{folder}/anat/{prefix}_desc-contrasts_qc.json",
    log:
        "logs/preprocess/{folder}/{prefix}.log",
    threads: SETTINGS.threads.preprocess
    resources:
        **PROGRAM_GPU,
        mem_mb=growing(1500 + 1500 * SETTINGS.threads.preprocess + PROGRAM_MB),
        runtime=growing(60),
    params:
        bids_dir=literal(BIDS_DIR),
        settings=literal(SETTINGS.preprocess.to_json()),
        work_dir=f"--work-dir {shlex.quote(WORK_DIR)}" if WORK_DIR else "",
        version=__version__,
    shell:
        "gliofill preprocess {params.bids_dir:q} . {wildcards.folder} --settings {params.settings:q} "
        "{params.work_dir} --threads {threads} >{log} 2>&1"
