from pathlib import Path

import pytest

from gliofill.cli.main import main


@pytest.mark.parametrize("option", ["--participant-label", "--validation-label"])
def test_training_takes_its_patients_from_a_split_or_by_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    words = f"train {tmp_path}/model --derivatives {tmp_path} --task T2w-to-FLAIR --split split.tsv {option} 01"
    assert main(words.split()) == 2
    assert "--split says who is trained on" in capsys.readouterr().err
