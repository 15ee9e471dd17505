"""The cohort page at the size of a large study: bytes, first paint, time to sort and search in headless Chromium.

Usage: python benchmarks/pages.py [--sessions 10000]
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from gliofill.cohort.coverage import Row, write_coverage
from gliofill.contrasts import Contrast
from gliofill.derivatives import paths
from gliofill.report.pages.cohort import write_cohort_page

LAUNCH = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
REASON = "mutual information fell during registration and the head overlaps that of the reference by less than it did"


def generate_cohort(output_dir: Path, sessions: int, seed: int = 0) -> None:
    """Write what a run over many sessions leaves for the cohort page: tables, records, empty session pages."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(sessions):
        participant, session = f"sub-{number // 2:05d}", f"ses-{number % 2 + 1}"
        folder = f"{participant}/{session}"
        missing = Contrast.FLAIR if generator.random() < 0.2 else Contrast.T1W if generator.random() < 0.15 else None
        for contrast in Contrast:
            if contrast is missing:
                source = "T2w" if contrast is Contrast.FLAIR else "T1post"
                rows.append(Row(participant, session, contrast, "missing", "impute", source, "no such image"))
                record = {
                    "Session": folder,
                    "Contrast": str(missing),
                    "GliofillVersion": "0",
                    "Model": f"{source}-model",
                }
                record |= {"status": "ok", "reason": "no such image", "source": source}
                _write(output_dir / paths.imputed_qc(folder, contrast), record)
            else:
                rows.append(Row(participant, session, contrast, "ok", "use", reason="acquired", file=f"{folder}.nii"))
        contrasts = {str(c): _entry(generator) for c in Contrast if c is not missing}
        record = {"Session": folder, "GliofillVersion": "0", "Reference": "T1post", "Contrasts": contrasts}
        record["BrainMask"] = {"method": "template", "volume_mL": round(float(generator.normal(1450, 120)), 1)}
        _write(output_dir / paths.session_qc(folder), record)
        (output_dir / paths.session_page(folder)).touch()
    write_coverage(output_dir / paths.COVERAGE, rows)


def _entry(generator: np.random.Generator) -> dict:
    flagged, failed = generator.random(2) < (0.1, 0.01)
    if failed:
        return {"status": "failed", "reason": "register: the image has no voxel inside the head"}
    scores = {name: float(generator.beta(8, 4)) for name in ("mutual_information", "head_overlap", "brain_in_field")}
    attempt = {"start": "centre of mass", "before": scores, "after": scores, "problem": ""}
    state = {"status": "flagged", "reason": f"registration: {REASON}"} if flagged else {"status": "ok", "reason": ""}
    return {**state, "registration": {"problem": "", "best": 0, "attempts": [attempt]}}


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def measure(page: Page, address: str) -> dict[str, float]:
    """Open the page and return seconds: first paint, the slowest of the sorts, a search, a jump to the end.

    A time runs from the event to the next frame but one: what it changed has been painted then.
    """
    page.goto(address)
    # Playwright's wait_for_function needs eval, which the page's policy forbids
    paint = page.evaluate(
        """async () => {
            const painted = () => performance.getEntriesByName('first-contentful-paint')[0];
            while (!painted()) await new Promise((done) => setTimeout(done, 10));
            return painted().startTime / 1000;
        }"""
    )
    clicks = [f"document.querySelectorAll('.sort')[{i}].click()" for i in (4, 4, 1, 5, 0, 0)]
    # by its id alone the field is hidden behind window.find
    field = "document.getElementById('find')"
    typed = f"{field}.value = '%s'; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))"
    search, back = typed % "0123", typed % ""
    score = "score.selectedIndex = 1; score.dispatchEvent(new Event('change', {bubbles: true}))"
    return {
        "first paint": paint,
        "sort": max(_timed(page, click) for click in clicks),
        "search": max(_timed(page, search), _timed(page, back)),
        "jump to the end": _timed(page, "matrix.scrollTop = matrix.scrollHeight"),
        "another score": _timed(page, score),
    }


def _timed(page: Page, act: str) -> float:
    # what the page did before must not count
    return page.evaluate(
        f"""async () => {{
            const frame = () => new Promise((done) => requestAnimationFrame(done));
            await frame();
            await frame();
            const start = performance.now();
            {act};
            await frame();
            await frame();
            return (performance.now() - start) / 1000;
        }}"""
    )


def open_page(browser: Browser) -> Page:
    """Return an empty page of a desktop's size."""
    return browser.new_page(viewport={"width": 1280, "height": 900})


def main() -> None:
    """Print what the cohort page weighs and how fast it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        output_dir = Path(folder)
        generate_cohort(output_dir, options.sessions)
        start = time.process_time()
        page = write_cohort_page(output_dir)
        print(f"{options.sessions} sessions: written in {time.process_time() - start:.1f} CPU seconds", end=", ")
        print(f"{page.stat().st_size / 1e6:.2f} MB")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=LAUNCH)
        runs = [measure(open_page(browser), page.as_uri()) for _ in range(options.repeats)]
        for name in runs[0]:
            print(f"{name}: {', '.join(f'{run[name]:.3f}' for run in runs)} s")
        browser.close()


if __name__ == "__main__":
    main()
