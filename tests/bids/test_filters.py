import pytest

from gliofill.bids.filters import read_filters
from gliofill.bids.names import parse_name
from gliofill.contrasts import Contrast
from gliofill.errors import GliofillError

NAME = parse_name("sub-01_ses-01_acq-MPRAGE_run-02_T1w.nii.gz")


@pytest.mark.parametrize(
    ("wanted", "mismatch"),
    [
        ({}, ""),
        ({"acquisition": "MPRAGE"}, ""),
        ({"acq": "acq-MPRAGE"}, ""),
        ({"acquisition": "mprage"}, "acq"),
        ({"acquisition": ["SPGR", "MPRAGE"]}, ""),
        ({"run": 2}, ""),
        ({"run": "2"}, ""),
        ({"run": "02"}, ""),
        ({"run": [1, 3]}, "run"),
        ({"session": 1}, ""),
        ({"session": "1"}, "ses"),
        ({"reconstruction": None}, ""),
        ({"rec": [None, "norm"]}, ""),
        ({"run": None}, "run"),
        ({"run": "*"}, ""),
        ({"ceagent": "*"}, "ce"),
        ({"datatype": "anat", "extension": ".nii.gz", "suffix": "T1w"}, ""),
        ({"extension": ".nii"}, "extension"),
        ({"acq": "MPRAGE", "echo": 1}, "echo"),
    ],
)
def test_a_filter_tells_the_first_key_that_a_name_does_not_meet(wanted, mismatch):
    assert read_filters({"T1w": wanted})[Contrast.T1W].mismatch(NAME) == mismatch


def test_every_contrast_has_its_own_suffix_unless_the_filter_names_others():
    filters = read_filters({"T1w": {"suffix": ["T1w", "UNIT1"]}})
    assert filters[Contrast.T1W].suffixes == {"T1w", "UNIT1"}
    assert filters[Contrast.T1POST].suffixes == {"T1w"}
    assert filters[Contrast.FLAIR].suffixes == {"FLAIR"}
    assert read_filters(None)[Contrast.T2W].suffixes == {"T2w"}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"T1": {}}, "unknown contrast 'T1'; use one of T1post, T1w, T2w, FLAIR"),
        ({"T1w": {"aquisition": "x"}}, "bids_filter.T1w: unknown entity 'aquisition'; use one of acq, acquisition"),
        ({"T1w": {3: "x"}}, "unknown entity 3"),
        ({"T1w": ["acq"]}, "bids_filter.T1w: is not a mapping"),
        (["T1w"], "bids_filter: is not a mapping"),
        ({"T1w": {"run": 1.5}}, "bids_filter.T1w.run: 1.5 is not a value"),
        ({"T1w": {"run": True}}, "bids_filter.T1w.run: True is not a value"),
        ({"T1w": {"run": []}}, r"bids_filter.T1w.run: \[\] is not a value"),
        ({"T1w": {"run": {"a": 1}}}, "is not a value"),
        ({"T1w": {"suffix": None}}, "bids_filter.T1w.suffix: None is not a value"),
    ],
)
def test_a_wrong_filter_is_refused_with_its_key(given, complaint):
    with pytest.raises(GliofillError, match=complaint):
        read_filters(given)
