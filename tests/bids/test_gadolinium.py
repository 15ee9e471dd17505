import pytest

from gliofill.bids.gadolinium import judge_gadolinium

PLAIN = (
    "postgad T1post mprageGd ce gad GD T1CE t1c T1+C "
    "MPRAGEGd postcontrast mpragePost axT1postGd withgad dotarem SPACEce post postMPRAGE mpragegd"
)
RESEMBLING = (
    "gdfoo postop postOp postRT mpragePMCon SPACE space mprage "
    "precentral highContrast posterior nogad preGd T1pre nocontrast gadget iso3D fsl cerebellum brigade multice11x"
)


@pytest.mark.parametrize("label", ["gadolinium", "GADOLINIUM", "gd", "Gd", "gad", "post", "Gadovist", "contrast"])
def test_a_plain_ce_label_is_believed_without_comment(label):
    judged = judge_gadolinium({"sub": "01", "ce": label}, {})
    assert judged.is_post
    assert judged.evidence == f"ce-{label}"
    assert judged.warnings == ()


@pytest.mark.parametrize("label", ["ferumoxytol", "normaldose", "X"])
def test_any_other_ce_label_is_believed_with_a_comment(label):
    assert judge_gadolinium({"ce": label}, {}).warnings == (f"taken as post-gadolinium from ce-{label}",)


@pytest.mark.parametrize(
    "label", ["none", "NONE", "no", "pre", "nogad", "nongd", "nogadolinium", "precontrast", "without"]
)
def test_a_ce_label_may_say_that_there_was_none(label):
    assert not judge_gadolinium({"ce": label}, {}).is_post


@pytest.mark.parametrize("label", PLAIN.split())
@pytest.mark.parametrize("entity", ["acq", "rec", "desc"])
def test_plain_labels_tell_gadolinium_and_the_reason_is_told(entity, label):
    judged = judge_gadolinium({"sub": "01", entity: label}, {})
    assert judged.is_post
    assert judged.warnings == (f"taken as post-gadolinium from {entity}-{label}",)


@pytest.mark.parametrize("label", RESEMBLING.split())
def test_labels_that_only_resemble_gadolinium_are_left_alone(label):
    assert not judge_gadolinium({"acq": label}, {}).is_post


@pytest.mark.parametrize("value", [None, "", " ", "UNKNOWN", "NONE", "none", "NO", [], ["NONE"], 3, True, {}])
def test_an_ingredient_may_say_nothing_or_none(value):
    assert not judge_gadolinium({}, {"ContrastBolusIngredient": value}).is_post


@pytest.mark.parametrize("value", ["GADOLINIUM", "Gadolinium", ["GADOLINIUM"], "FERUMOXYTOL"])
def test_an_ingredient_is_believed_with_a_comment(value):
    judged = judge_gadolinium({}, {"ContrastBolusIngredient": value})
    assert judged.is_post
    assert "ContrastBolusIngredient" in judged.warnings[0]


@pytest.mark.parametrize(
    "value", ["Gadovist 7.5 ml", "DOTAREM", "MultiHance", "gad", "10cc Gd-DTPA", "Clariscan", "GADAVIST"]
)
def test_an_agent_that_names_gadolinium_is_believed(value):
    assert judge_gadolinium({}, {"ContrastBolusAgent": value}).is_post


@pytest.mark.parametrize("value", ["NO GADOLINIUM", "without Gadovist", "None", "YES", "Buscopan", "", "w/o gad"])
def test_other_free_text_is_not(value):
    assert not judge_gadolinium({}, {"ContrastBolusAgent": value}).is_post


@pytest.mark.parametrize(
    ("entities", "metadata"),
    [
        ({"ce": "none"}, {"ContrastBolusIngredient": "GADOLINIUM"}),
        ({"ce": "gadolinium"}, {"ContrastBolusIngredient": "NONE"}),
        ({"ce": "none", "acq": "postgad"}, {}),
    ],
    ids=["sidecar against name", "name against sidecar", "name against itself"],
)
def test_a_conflict_is_decided_for_post_and_told(entities, metadata):
    judged = judge_gadolinium(entities, metadata)
    assert judged.is_post
    assert len(judged.warnings) == 1
    assert "says there was none" in judged.warnings[0]


def test_silence_is_not_post():
    assert not judge_gadolinium({"sub": "01"}, {}).is_post
