import pytest

from gliofill.contrasts import TASKS, Contrast, Task, find_task, task_filling


def test_only_flair_and_pre_gadolinium_t1w_are_ever_synthesised() -> None:
    filled = {contrast: task_filling(contrast) for contrast in Contrast}
    assert {target: task.source for target, task in filled.items() if task} == {
        Contrast.FLAIR: Contrast.T2W,
        Contrast.T1W: Contrast.T1POST,
    }


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_found_by_its_name(task: Task) -> None:
    assert find_task(task.name) is task


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown task 'T1w-to-T2w': expected one of T2w-to-FLAIR, T1post-to-T1w"):
        find_task("T1w-to-T2w")


def test_t1w_before_and_after_gadolinium_share_a_suffix_and_differ_by_an_entity() -> None:
    assert Contrast.T1POST.suffix == Contrast.T1W.suffix == "T1w"
    assert (Contrast.T1POST.ce_entity, Contrast.T1W.ce_entity) == ("ce-gadolinium", "")
