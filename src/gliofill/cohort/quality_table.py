"""The table of what was measured of every acquired image, chosen or not: geometry, scores, verdict."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gliofill.bids.dataset import Dataset, Scan, Session
from gliofill.files.tables import MISSING, write_table
from gliofill.quality.acquired.corruption import SCORES
from gliofill.quality.acquired.geometry import PLANES, gap_share
from gliofill.quality.acquired.measurement import Measurement
from gliofill.quality.verdict import CODES, Verdict

#: explanation of the columns, written beside the table
COLUMNS: dict[str, Any] = {
    "participant_id": "Participant, with sub-.",
    "session_id": "Session, with ses-; n/a if the dataset has no sessions.",
    "contrast": "T1post is T1w after gadolinium, T1w is before.",
    "file": "The image, relative to the raw dataset.",
    "voxels": "Voxels along each axis.",
    "spacing": {"Description": "Voxel edges along each axis.", "Units": "mm"},
    "plane": {
        "Description": "Plane of the slices.",
        "Levels": {plane: f"{plane} slices" for plane in PLANES}
        | {"isotropic": "nearly isotropic voxels, as good as in any plane"},
    },
    "gap": "Gap between slices as a share of their thickness; n/a if the sidecar does not say.",
    "cut": "Head in the outermost slice at the end where most is cut off, as a share of its largest section.",
    "cut_end": "Which end that is; n/a if the head ends inside the image.",
    "masked": {
        "Description": "Whether the background was set to exactly 0, by skull-stripping or by the scanner.",
        "Levels": {"true": "it was", "false": "it was not"},
    },
    **{score.name: f"{score.description} Higher is worse." for score in SCORES},
    "code": {"Description": "Code of the verdict; n/a if the image is usable.", "Levels": CODES},
    "value": "The number that decided the verdict; n/a if no number did.",
    "threshold": "What that number was compared with; n/a if no number decided.",
}


def write_quality(
    path: Path,
    dataset: Dataset,
    measurements: Mapping[Path, Measurement],
    verdicts: Mapping[Path, Verdict | None],
) -> None:
    """Write the table and its data dictionary; what does not apply or could not be measured is n/a."""
    found = (
        dict(_cells(dataset.root, session, scan, measurements[scan.path], verdicts[scan.path]))
        for session in dataset.sessions
        for scan in session.scans
    )
    write_table(path, COLUMNS, ([row.get(name) or MISSING for name in COLUMNS] for row in found))


def _cells(
    root: Path, session: Session, scan: Scan, measurement: Measurement, verdict: Verdict | None
) -> Iterator[tuple[str, str]]:
    yield "participant_id", f"sub-{session.participant}"
    yield "session_id", f"ses-{session.session}" if session.session else ""
    yield "contrast", str(scan.contrast)
    yield "file", scan.path.relative_to(root).as_posix()
    yield "voxels", " x ".join(map(str, measurement.shape))
    yield "spacing", " x ".join(f"{edge:g}" for edge in measurement.spacing_mm)
    yield "plane", measurement.plane
    if measurement.spacing_mm:
        yield "gap", _cell(gap_share(scan.metadata, max(measurement.spacing_mm)))
    if measurement.scores:
        yield "cut", _cell(measurement.cut_share)
        yield "cut_end", measurement.cut_end
        yield "masked", str(measurement.is_masked).lower()
    yield from ((score.name, _cell(measurement.scores.get(score.name))) for score in SCORES)
    if verdict:
        yield from (("code", verdict.code), ("value", _cell(verdict.value)), ("threshold", _cell(verdict.threshold)))


def _cell(number: float | None) -> str:
    return "" if number is None else f"{number:.6g}"
