import pytest

from gliofill.report.content.references import REFERENCES

pytestmark = pytest.mark.slow


def test_a_reference_reads_alike_as_line_and_as_bibtex() -> None:
    genc = REFERENCES["genc"]
    assert genc.line.startswith("Genc O, Chunduru P") and genc.line.endswith("https://doi.org/10.58530/2022/3460")
    assert "author = {Genc, O and Chunduru, P" in genc.bibtex and "note = {abstract 3460}" in genc.bibtex
    assert REFERENCES["n4"].line.startswith("Tustison NJ, et al. N4ITK: improved")
    assert "author = {Tustison, NJ and others}" in REFERENCES["n4"].bibtex
    assert "pages = {1310--1320}" in REFERENCES["n4"].bibtex
