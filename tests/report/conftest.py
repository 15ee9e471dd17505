"""A small output folder as a run leaves it: tiny images, one session of every fate, and hostile texts."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from scipy.ndimage import gaussian_filter

from gliofill.cohort.coverage import Row, write_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.derivatives.description import write_description
from gliofill.files.atomic import write_json, write_text
from gliofill.files.itk_transform import write_transform
from gliofill.files.nifti import write_image
from gliofill.report.pages.cohort import write_cohort_page
from gliofill.report.pages.session import write_session_page
from gliofill.report.pages.upkeep import outdated_pages, write_pages
from gliofill.report.status.summary import summarise

# the suite runs in several processes, often on a busy machine
expect.set_options(timeout=30_000)

SHAPE = (40, 46, 38)
AFFINE = np.array([[4.0, 0, 0, -78], [0, 4, 0, -110], [0, 0, 4, -60], [0, 0, 0, 1]])
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
#: native = template moved by this much
SHIFT_MM = (6.0, -4.0, 3.0)


@dataclass
class Tree:
    """Raw dataset and output folder of the small cohort."""

    bids: Path
    output: Path
    rows: list[Row] = field(default_factory=list)


def brain() -> np.ndarray:
    grid = np.indices(SHAPE) - np.array([20, 23, 19])[:, None, None, None]
    return (grid**2 / np.array([15, 19, 14])[:, None, None, None] ** 2).sum(axis=0) <= 1


def lesion() -> np.ndarray:
    grid = np.indices(SHAPE) - np.array([13, 28, 22])[:, None, None, None]
    return (grid**2).sum(axis=0) <= 16


def tissue(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    texture = gaussian_filter(noise, 2) * 900 + 500 + 400 * lesion()
    return np.where(brain(), np.clip(texture, 50, None), 0).astype(np.float32)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Return the small cohort with all of its pages."""
    return make_tree(tmp_path_factory.mktemp("cohort"))


def make_tree(folder: Path) -> Tree:
    made = Tree(folder / "bids", folder / "derivatives")
    made.bids.mkdir()
    write_description(made.bids, made.output)
    _complete(made)
    _imputed(made)
    _partly_failed(made)
    _broken_off(made)
    _unusable(made)
    write_coverage(made.output / paths.COVERAGE, made.rows)
    summarise(made.output).write(made.output)
    for session in ("sub-01", "sub-02", "sub-03/ses-a", "sub-05"):
        write_session_page(made.output, session)
    assert outdated_pages(made.output) == ["sub-04"]
    assert not write_pages(made.output, ["sub-04"]) and not outdated_pages(made.output)
    write_cohort_page(made.output)
    return made


def _complete(tree: Tree) -> None:
    entries = {str(contrast): _acquire(tree, "sub-01", contrast) for contrast in Contrast}
    _record(tree, "sub-01", entries)


def _imputed(tree: Tree) -> None:
    entries = {str(c): _acquire(tree, "sub-02", c) for c in Contrast if c is not Contrast.FLAIR}
    _record(tree, "sub-02", entries, with_lesion=True)
    tree.rows.append(Row("sub-02", "n/a", "FLAIR", "missing", "impute", "T2w", "no such image in the dataset"))
    name, widths = (f("sub-02", Contrast.FLAIR) for f in (paths.imputed, paths.uncertainty))
    write_image(tree.output / name, tissue(9), AFFINE)
    write_image(tree.output / widths, tissue(10) / 5, AFFINE)
    write_json(
        tree.output / paths.sidecar(name),
        {"Synthetic": True, "SynthesisMethod": {"ModelID": "mine-1", "WeightsSHA256": "ab" * 32}},
    )
    write_json(tree.output / paths.sidecar(widths), {"Description": "half-width of an interval"})
    record = {
        "Session": "sub-02",
        "Contrast": "FLAIR",
        "status": "ok",
        "reason": "no such image in the dataset",
        "source": "T2w",
        "source_state": "ok",
    }
    record |= {"Model": "mine-1", "GliofillVersion": "0.1.0", "demonstration": False, "files": {name: "cd" * 32}}
    record["TrainingDataAttribution"] = ["Scans of Somewhere, CC BY 4.0"]
    record["Domain"] = {
        "known": True,
        "problems": [f"voxels of 5 mm {HOSTILE}"],
        "scores": {"spacing_mm": {"value": 5.0, "low": 0.9, "high": 3.3}},
    }
    write_json(tree.output / paths.imputed_qc("sub-02", Contrast.FLAIR), record)


def _partly_failed(tree: Tree) -> None:
    session = "sub-03/ses-a"
    entries = {str(c): _acquire(tree, session, c) for c in Contrast if c is not Contrast.T1W}
    entries["T2w"] |= {
        "status": "flagged",
        "reason": "registration: low overlap",
        "verdicts": [
            {"code": "thick-slices", "sentence": "has voxels 9 mm thick", "value": 9.0, "threshold": 8.0},
        ],
    }
    entries["T1w"] = {"status": "failed", "reason": HOSTILE, "source": "bids:raw:x"}
    tree.rows.append(Row("sub-03", "ses-a", "T1w", "ok", "use", reason="acquired", file=f"sub-03/{HOSTILE}.nii.gz"))
    _record(tree, session, entries)
    _log(tree, "preprocess/sub-03/ses-a/sub-03_ses-a.log", "sub-03/ses-a T1w: failed")


def _broken_off(tree: Tree) -> None:
    for contrast in Contrast:
        _acquire(tree, "sub-04", contrast, publish=False)
    _log(tree, "preprocess/sub-04/sub-04.log", "Traceback (most recent call last):\nMemoryError: no memory left")


def _unusable(tree: Tree) -> None:
    verdict = {"code": "thick-slices", "value": "9", "threshold": "8"}
    for contrast in Contrast:
        tree.rows.append(
            Row("sub-05", "n/a", str(contrast), "unusable", reason="has voxels 9 mm thick", file="x.nii.gz", **verdict)
        )


def _acquire(tree: Tree, session: str, contrast: Contrast, *, publish: bool = True) -> dict:
    participant, _, visit = session.partition("/")
    seed = list(Contrast).index(contrast)
    name = f"{session}/anat/{session.replace('/', '_')}_acq-{contrast}.nii.gz"
    native = AFFINE.copy()
    native[:3, 3] += SHIFT_MM
    head = tissue(seed) + np.where(brain(), 0, 120 + 20 * np.random.default_rng(seed).normal(size=SHAPE))
    write_image(tree.bids / name, head, native)
    tree.rows.append(Row(participant, visit or "n/a", str(contrast), "ok", "use", reason="acquired", file=name))
    if not publish:
        return {}
    write_image(tree.output / paths.preprocessed(session, contrast), tissue(seed), AFFINE)
    write_json(
        tree.output / paths.sidecar(paths.preprocessed(session, contrast)),
        {"Description": "Acquired: bias-corrected (N4), aligned"},
    )
    matrix = np.eye(4)
    matrix[:3, 3] = SHIFT_MM
    write_transform(tree.output / paths.transform(session, contrast), matrix)
    scores = {"mutual_information": 0.5 + 0.05 * seed, "head_overlap": 0.95, "brain_in_field": 1.0}
    attempt = {"start": "centre of mass", "before": {"mutual_information": 0.1}, "after": scores, "problem": ""}
    files = {paths.preprocessed(session, contrast): "ef" * 32}
    entry = {"status": "ok", "reason": "", "source": f"bids:raw:{name}", "files": files}
    registration = {"problem": "", "best": 0, "attempts": [attempt]}
    return entry if contrast is Contrast.T1POST else entry | {"registration": registration}


def _record(tree: Tree, session: str, entries: Mapping[str, dict], *, with_lesion: bool = False) -> None:
    write_image(tree.output / paths.brain_mask(session), brain(), AFFINE, dtype="uint8")
    if with_lesion:
        write_image(tree.output / paths.lesion(session), lesion(), AFFINE, dtype="uint8")
    record = {"Session": session, "GliofillVersion": "0.1.0", "Reference": "T1post", "Contrasts": dict(entries)}
    record |= {"BiasCorrection": True, "Settings": {"brain_mask": "template"}}
    record["BrainMask"] = {"method": "template", "volume_mL": 1400.5, "files": {}}
    write_json(tree.output / paths.session_qc(session), record)


def _log(tree: Tree, name: str, text: str) -> None:
    write_text(tree.output / "logs" / name, text + "\n")


class Visit:
    """A page in the browser, and everything that it asked for or complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))

    def check(self, *origins: str) -> None:
        """Assert that nothing was wrong, and that all requests went to the origins."""
        assert not self.complaints, self.complaints
        outside = [url for url in self.requests if not url.startswith((*origins, "data:", "blob:"))]
        assert not outside, outside
        assert self.page.evaluate("window.hacked") is None


@contextmanager
def visiting(browser: Browser, address: str, *, origin: str = "", width: int = 1280) -> Iterator[Visit]:
    """Open a page in a fresh profile; at the end it must have behaved."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.set_default_timeout(60_000)
    visit = Visit(context.new_page())
    visit.page.goto(address)
    yield visit
    visit.check(origin or address.rsplit("/", 1)[0])
    context.close()


def page_data(page: Page) -> dict:
    """Return the numbers inside the cohort page."""
    return json.loads(page.locator("#data").text_content() or "")
