"""Time and memory to find the contrasts of a large cohort, compared with pybids.

Makes a cohort of N participants with four contrasts and a sidecar each (zero-byte images) in a temporary folder, and
indexes it with gliofill and with pybids, without and with reading metadata. Each runs in a fresh process whose wall
time and peak memory include the start of Python and all imports. Usage::

    python benchmarks/scan.py [--participants 5000] [--repeats 3] [--pybids-python PATH]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CONTRASTS = ("ce-gadolinium_T1w", "T1w", "T2w", "FLAIR")

GLIOFILL = """
import sys
from pathlib import Path
from gliofill.bids.scan import scan_dataset
dataset = scan_dataset(Path(sys.argv[1]))
scans = [scan for session in dataset.sessions for scan in session.scans]
assert all(scan.metadata["MRAcquisitionType"] == "3D" for scan in scans)
print(len(scans))
"""
PYBIDS = """
import sys
from bids import BIDSLayout, BIDSLayoutIndexer
layout = BIDSLayout(sys.argv[1], validate=False, indexer=BIDSLayoutIndexer(validate=False, index_metadata={metadata}))
print(len(layout.get(suffix=["T1w", "T2w", "FLAIR"], extension=".nii.gz", return_type="filename")))
"""


@dataclass(frozen=True)
class Measurement:
    """What one process took: wall and CPU time in seconds, peak resident memory in MB, and how many images it found."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    images: int


def make_cohort(root: Path, participants: int) -> None:
    """Write the cohort; the sidecars carry the fields that a converter from DICOM usually writes."""
    (root / "dataset_description.json").write_text(json.dumps({"Name": "benchmark", "BIDSVersion": "1.10.0"}))
    for number in range(1, participants + 1):
        anat = root / f"sub-{number:05d}" / "anat"
        anat.mkdir(parents=True)
        for contrast in CONTRASTS:
            stem = anat / f"sub-{number:05d}_{contrast}"
            stem.with_suffix(".nii.gz").touch()
            stem.with_suffix(".json").write_text(json.dumps(make_sidecar(number, contrast), indent=2))


def make_sidecar(number: int, contrast: str) -> dict[str, object]:
    """Return the fields of one sidecar."""
    return {
        "Modality": "MR",
        "MagneticFieldStrength": 3,
        "Manufacturer": "Siemens",
        "ManufacturersModelName": "Prisma",
        "SeriesDescription": contrast,
        "MRAcquisitionType": "3D",
        "SliceThickness": 1,
        "EchoTime": 0.00298,
        "RepetitionTime": 2.3 + number * 1e-6,
        "FlipAngle": 9,
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    }


def measure(python: str, program: str, root: Path) -> Measurement:
    """Run a program on the cohort in a fresh process; wait4 gives the peak memory of just that process."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen([python, "-c", program, str(root)], stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"a measured process failed with exit code {process.returncode}")
        output.seek(0)
        # Linux counts in KiB, macOS in bytes
        unit = 1 if sys.platform == "darwin" else 1024
        return Measurement(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6, int(output.read()))


def has_pybids(python: str) -> bool:
    """Tell whether an interpreter can import pybids."""
    return subprocess.run([python, "-c", "import bids"], capture_output=True, check=False).returncode == 0


def main() -> None:
    """Make the cohort, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--participants", type=int, default=5000, help="size of the cohort")
    parser.add_argument("--repeats", type=int, default=3, help="runs of gliofill; the fastest counts, pybids runs once")
    parser.add_argument("--pybids-python", default=sys.executable, help="interpreter that has pybids")
    arguments = parser.parse_args()
    programs = [("gliofill", sys.executable, GLIOFILL, arguments.repeats)]
    if has_pybids(arguments.pybids_python):
        for metadata in (False, True):
            label = f"pybids, {'with' if metadata else 'without'} metadata"
            programs.append((label, arguments.pybids_python, PYBIDS.format(metadata=metadata), 1))
    else:
        print(f"pybids is not installed for {arguments.pybids_python}: only gliofill is measured")
    with tempfile.TemporaryDirectory(prefix="gliofill-scan-") as folder:
        make_cohort(Path(folder), arguments.participants)
        print(f"{arguments.participants} participants, {4 * arguments.participants} images, as many sidecars")
        print(f"{'':28}   wall s    CPU s  peak MB   images  x wall   x CPU x memory")
        first = None
        for label, python, program, repeats in programs:
            result = min((measure(python, program, Path(folder)) for _ in range(repeats)), key=lambda m: m.wall_s)
            first = first or result
            figures = f"{result.wall_s:8.2f} {result.cpu_s:8.2f} {result.peak_mb:8.0f} {result.images:8d}"
            ratios = f"{result.wall_s / first.wall_s:7.1f} {result.cpu_s / first.cpu_s:7.1f}"
            print(f"{label:28} {figures} {ratios} {result.peak_mb / first.peak_mb:8.1f}", flush=True)


if __name__ == "__main__":
    main()
