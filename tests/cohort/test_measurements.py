import json
from pathlib import Path

import numpy as np

from gliofill.cohort.measurements import MeasurementCache
from gliofill.files.nifti import write_image


def test_measurement_is_read_once_until_the_file_changes(tmp_path: Path) -> None:
    image = tmp_path / "a.nii.gz"
    write_image(image, np.random.default_rng(0).normal(size=(7, 8, 9)), np.diag([2, 3, 4, 1]))
    cache = MeasurementCache(tmp_path / "cache.json")
    first = cache.measure(image)
    assert first.shape == (7, 8, 9) and first.spacing_mm == (2, 3, 4)
    cache.save()
    write_image(image, np.zeros((7, 8, 9)), np.diag([2, 3, 4, 1]))
    assert MeasurementCache(tmp_path / "cache.json").measure(image).is_constant


def test_what_an_older_version_measured_is_measured_again(tmp_path: Path) -> None:
    image = tmp_path / "a.nii.gz"
    write_image(image, np.random.default_rng(0).normal(size=(7, 8, 9)), np.diag([2, 3, 4, 1]))
    cache = MeasurementCache(tmp_path / "cache.json")
    cache.measure(image)
    cache.save()
    stored = json.loads((tmp_path / "cache.json").read_text(encoding="utf-8"))
    stored["images"][str(image)]["measurement"]["units"] = "parsec"
    for version, units in ((stored["version"], "parsec"), (stored["version"] - 1, "mm")):
        (tmp_path / "cache.json").write_text(json.dumps(stored | {"version": version}), encoding="utf-8")
        assert MeasurementCache(tmp_path / "cache.json").measure(image).units == units
    # before caches had versions
    (tmp_path / "cache.json").write_text(json.dumps(stored["images"]), encoding="utf-8")
    assert MeasurementCache(tmp_path / "cache.json").measure(image).units == "mm"
