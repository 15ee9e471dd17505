"""Fixtures that several test files share."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: fixtures that tests of several packages use
pytest_plugins = ("tests.support.sessions", "tests.support.heads", "tests.support.known_model")

# what the tests assert is never how long an example took: machines are shared
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[1]

#: program that runs gliofill and writes to a file, its first word, the largest memory of its processes, in kilobytes; a
#: process inherits the peak of the one that started it until it runs a program of its own, and the tests are large
MEASURED = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "gliofill.cli", *sys.argv[2:]])
_, status, usage = os.wait4(process.pid, 0)
open(sys.argv[1], "w").write(str(usage.ru_maxrss))
os._exit(os.waitstatus_to_exitcode(status))
"""


def run_snakemake(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the project's Snakefile as a user would, without a terminal."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("GLIOFILL_START", None)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", *words]
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )


def run_gliofill(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "gliofill.cli", *words]
    return subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200, check=False
    )


@pytest.fixture(scope="session", autouse=True)
def _signals_as_in_a_terminal() -> None:
    """Let what tests start be stopped by Ctrl-C, also where the suite itself is not: after ``nohup make test &``."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real images, or leave the test out where there is none."""
    folder = os.environ.get("GLIOFILL_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        # patients' images cannot travel with the code; `make test` finds them where they are at hand
        pytest.skip("GLIOFILL_TEST_DATA names no folder of real images")
    return Path(folder)


#: no sandbox because the tests may run as root in a container; a software renderer gives WebGL without a GPU
CHROMIUM_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Return a headless Chromium of the system; nothing is downloaded."""
    if os.environ.get("GLIOFILL_NO_BROWSER"):
        pytest.skip("GLIOFILL_NO_BROWSER leaves the tests of the pages out")
    names = (os.environ.get("GLIOFILL_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if name and (found := shutil.which(name))), None)
    if program is None:
        pytest.fail(
            "the tests of the pages need Chromium: install it (Debian: apt-get install chromium), name it in "
            "GLIOFILL_CHROMIUM, or leave them out with GLIOFILL_NO_BROWSER=1",
            pytrace=False,
        )
    from playwright.sync_api import sync_playwright

    # each launch has a profile of its own, which goes with it
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=list(CHROMIUM_OPTIONS))
        yield chromium
        chromium.close()


#: they take minutes; the two processes of the suite end together if they come first
LONGEST = ("test_workflow.py", "test_experiment.py", "test_longitudinal.py", "test_dataset.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs the workflow or reads real images, and begin with the longest files."""
    for item in items:
        if "tests/workflow/" in item.path.as_posix():
            item.add_marker("slow")
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")
            item.add_marker("slow")
    order = {name: position for position, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONGEST)))
