"""The logs of steps: where they are, and how those end that broke off."""

import re
from pathlib import Path

from gliofill.contrasts import Contrast
from gliofill.derivatives import paths

#: how the end of the log of a job looks that broke off
_BROKEN = re.compile(r"^(Traceback \(most recent call last\)|gliofill: |Killed|Terminated)", re.MULTILINE)


def step_logs(output_dir: Path, step: str, folder: str, contrast: Contrast | None) -> tuple[str, str]:
    """Return the log of a step, and of its last job on SLURM, which keeps those of jobs that failed.

    Returns
    -------
    log, slurm_log : str
        Relative to the output folder; the latter is ``n/a`` if the step did not run on SLURM.
    """
    log = paths.step_log(step, folder, contrast if step == "impute" else None)
    # the plug-in names the folder by the wildcards of the rule
    job = f"{folder.replace('/', '_')}_{Path(log).stem}"
    jobs = (output_dir / ".snakemake" / "slurm_logs" / f"rule_{step}" / job).glob("*.log")
    last = max(jobs, key=lambda path: path.stat().st_mtime_ns, default=None)
    slurm_log = last.relative_to(output_dir).as_posix() if last else "n/a"
    return log, slurm_log


def has_begun(output_dir: Path, logs: tuple[str, str]) -> bool:
    """Tell whether a step has left a log."""
    return logs[1] != "n/a" or (output_dir / logs[0]).is_file()


def last_words(log: Path) -> str:
    """Return the last line of the log of a job that broke off; empty if there is none, or it seems to go on."""
    if not log.is_file():
        return ""
    text = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    return text.strip().splitlines()[-1].removeprefix("gliofill: ") if _BROKEN.search(text) else ""
