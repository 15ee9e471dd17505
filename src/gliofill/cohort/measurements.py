"""The measurements of all images of a dataset, in parallel, and kept for the next run."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gliofill.files.atomic import write_text
from gliofill.quality.acquired.measurement import VERSION, Measurement
from gliofill.quality.acquired.usability import measure


class MeasurementCache:
    """Measurements of images by path, size and time of change, so that a second run reads no image twice.

    Parameters
    ----------
    file
        JSON file; a damaged one counts as empty, and so does one of a version that measured in another way.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            self._known: dict[str, dict[str, Any]] = stored["images"] if stored["version"] == VERSION else {}
        except (OSError, ValueError, KeyError, TypeError):
            self._known = {}

    def measure(self, path: Path) -> Measurement:
        """Return the measurement of an image, from the cache if the file has not changed."""
        stat = path.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(str(path))
        if known and known["stamp"] == stamp:
            return Measurement.from_mapping(known["measurement"])
        measurement = measure(path)
        self._known[str(path)] = {"stamp": stamp, "measurement": measurement.as_mapping()}
        return measurement

    def save(self) -> None:
        """Write the cache."""
        write_text(self.file, json.dumps({"version": VERSION, "images": self._known}))


def measure_all(
    paths: Iterable[Path], cache: MeasurementCache, *, threads: int, advance: Callable[[], None]
) -> dict[Path, Measurement]:
    """Measure images in parallel.

    Parameters
    ----------
    paths
        Images.
    cache
        Is asked first, and learns.
    threads
        Images read at a time; unpacking releases Python's lock.
    advance
        Called once per image.
    """

    def one(path: Path) -> tuple[Path, Measurement]:
        try:
            measurement = cache.measure(path)
        except OSError as error:
            measurement = Measurement(error=error.strerror or str(error))
        except Exception as error:  # one strange image must not stop the measuring of all others
            words = " ".join(str(error).split())
            measurement = Measurement(error=f"could not be measured ({type(error).__name__}: {words})")
        advance()
        return path, measurement

    with ThreadPoolExecutor(threads) as pool:
        return dict(pool.map(one, paths))
