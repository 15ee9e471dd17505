"""Fuzz by coverage, one target after the other: ``make fuzz``, or ``python -m tests.fuzz FOLDER --seconds 60``.

Needs atheris, which is no dependency of the tests. What libFuzzer finds lies in the folder as ``TARGET-crash-*``; it is
tried again with ``python -m tests.fuzz FOLDER --target TARGET --input FILE``.
"""

import argparse
import subprocess
import sys
from pathlib import Path


def fuzz(name: str, folder: Path, *, seconds: int) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["gliofill", "nibabel.nifti1", "nibabel.volumeutils", "nibabel.analyze"]):
        from tests.fuzz.targets import TARGETS, seeds

    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    # an input may take 5 s and 2 GB at most
    limits = ["-timeout=5", "-rss_limit_mb=2048", "-max_len=40000", f"-max_total_time={seconds}"]
    words = [name, *limits, "-print_final_stats=1", f"-artifact_prefix={folder}/{name}-", str(corpus)]
    atheris.Setup(words, TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    """Fuzz every target, each in a process of its own; 1 if any of them fell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for inputs that reach new code, and those that fail")
    parser.add_argument("--target", default="", help="only this one, in this process")
    parser.add_argument("--input", type=Path, help="try these bytes and nothing else")
    parser.add_argument("--seconds", type=int, default=60, help="per target")
    options = parser.parse_args()
    if options.input:
        from tests.fuzz.targets import TARGETS

        TARGETS[options.target](options.input.read_bytes())
        return 0
    if options.target:
        fuzz(options.target, options.folder.resolve(), seconds=options.seconds)
    from tests.fuzz.targets import TARGETS

    fallen = []
    for name in TARGETS:
        words = ["--target", name, "--seconds", str(options.seconds)]
        if subprocess.run([sys.executable, "-m", "tests.fuzz", str(options.folder), *words], check=False).returncode:
            fallen.append(name)
    print(f"fallen: {', '.join(fallen)}" if fallen else f"{len(TARGETS)} targets stand")
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
