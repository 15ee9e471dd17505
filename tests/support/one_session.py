"""The one session that tests of single steps preprocess, with settings that every image passes."""

import json
from pathlib import Path

from tests.support.small_cohort import LENIENT

from gliofill.config.settings import PreprocessSettings

SESSION = "sub-01"
LENIENT_JSON = json.dumps(LENIENT)
SETTINGS = PreprocessSettings(brain_mask="none", bias_correction=False, lesion_pattern="").to_json()


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}
