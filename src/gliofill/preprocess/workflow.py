"""The wiring of one session: a flat nipype workflow, a few nodes per contrast."""

import os
import signal
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nipype import Node, Workflow, config, logging
from nipype.pipeline.plugins.multiproc import MultiProcPlugin, process_initializer

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.preprocess.interfaces import Align, Correct, Register, Resample, Strip, Take
from gliofill.preprocess.plan import SessionPlan
from gliofill.preprocess.scratch import ALIGN, CRASHES, LESION, MASK, WORKFLOW, Steps, distance_in
from gliofill.run.processes import end_with_parent

# One thread per step: the result does not depend on the cores that a session gets, and contrasts run side by side
# instead.
# ITK reads this when it is loaded, in the processes that the nodes run in.
SINGLE_THREAD = dict.fromkeys(("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def build(plan: SessionPlan, settings: PreprocessSettings, scratch: Path, *, threads: int = 1) -> Workflow:
    """Wire the nodes of a session; nothing runs yet.

    Parameters
    ----------
    plan
        What the session has.
    settings
        Section ``preprocess`` of the configuration.
    scratch
        Folder for intermediate files; each node has its own below ``session``.
    threads
        For a third-party tool that finds the brain; it runs alone.
    """
    _configure(scratch)
    workflow, steps = Workflow(name=WORKFLOW, base_dir=str(scratch)), Steps(plan.reference)
    stripped = settings.brain_mask == "none"
    corrected = {
        contrast: Node(
            Correct(image=str(path), bias_correction=settings.bias_correction, stripped=stripped),
            name=steps.correct(contrast),
        )
        for contrast, path in plan.images.items()
    }
    reference = corrected[plan.reference]
    align = _align(plan)
    workflow.connect(reference, "image", align, "reference")
    mask = _mask_source(workflow, plan, settings, reference, threads)
    workflow.connect(mask, "mask", align, "mask")
    for contrast, image in corrected.items():
        resample = _resample(workflow, steps.to_template(contrast), align, settings.interpolation)
        workflow.connect(image, "image", resample, "image")
        if contrast is not plan.reference:
            register = Node(Register(), name=steps.register(contrast))
            workflow.connect(
                [(reference, register, [("image", "reference")]), (image, register, [("image", "moving")])]
            )
            workflow.connect(mask, "mask", register, "mask")
            workflow.connect(register, "transform", resample, "register")
    brain = _resample(workflow, steps.to_template(MASK), align, "mask")
    workflow.connect(mask, "mask", brain, "image")
    if votes(plan, settings):
        _add_votes(workflow, plan, settings, corrected, threads)
    if plan.lesion is not None:
        lesion = _resample(workflow, steps.to_template(LESION), align, "nearest")
        lesion.inputs.image = str(plan.lesion.path)
        if plan.lesion.contrast is not plan.reference:
            workflow.connect(workflow.get_node(steps.register(plan.lesion.contrast)), "transform", lesion, "register")
    if "native" in settings.output_spaces:
        _add_native(workflow, plan, settings, corrected)
    return workflow


def _align(plan: SessionPlan) -> Node:
    node = Node(Align(contrast=str(plan.reference)), name=ALIGN)
    if plan.target is not None:
        node.inputs.target, node.inputs.target_mask = str(plan.target.image), str(plan.target.mask)
    return node


def votes(plan: SessionPlan, settings: PreprocessSettings) -> bool:
    """Whether the brain is looked for in every contrast of a session."""
    return settings.measures_brain and plan.brain_mask is None


def _add_votes(
    workflow: Workflow,
    plan: SessionPlan,
    settings: PreprocessSettings,
    corrected: Mapping[Contrast, Node],
    threads: int,
) -> None:
    """Add the distances from the brain that are measured in each contrast, on the grids of the outputs."""
    steps = Steps(plan.reference)
    for contrast, image in corrected.items():
        is_reference, distance = contrast is plan.reference, distance_in(contrast)
        if is_reference:
            strip = workflow.get_node(steps.strip())
        else:
            strip = _strip(steps.strip(contrast), contrast, settings, threads)
            workflow.connect(image, "image", strip, "image")
        nodes = [_resample(workflow, steps.to_template(distance), workflow.get_node(ALIGN), "distance")]
        if "native" in settings.output_spaces and not is_reference:
            nodes.append(Node(Resample(interpolation="distance"), name=steps.to_native(distance)))
            workflow.connect(corrected[plan.reference], "image", nodes[-1], "grid")
        for node in nodes:
            workflow.connect(strip, "distance", node, "image")
            if not is_reference:
                workflow.connect(workflow.get_node(steps.register(contrast)), "transform", node, "register")


def _add_native(
    workflow: Workflow, plan: SessionPlan, settings: PreprocessSettings, corrected: Mapping[Contrast, Node]
) -> None:
    """Add what brings images onto the grid of the reference; the reference itself is there already."""
    steps = Steps(plan.reference)
    for contrast, image in corrected.items():
        if contrast is not plan.reference:
            node = Node(Resample(interpolation=settings.interpolation), name=steps.to_native(contrast))
            workflow.connect(image, "image", node, "image")
            workflow.connect(corrected[plan.reference], "image", node, "grid")
            workflow.connect(workflow.get_node(steps.register(contrast)), "transform", node, "register")
    if plan.lesion is not None:
        node = Node(Resample(interpolation="nearest", image=str(plan.lesion.path)), name=steps.to_native(LESION))
        workflow.connect(corrected[plan.reference], "image", node, "grid")
        if plan.lesion.contrast is not plan.reference:
            workflow.connect(workflow.get_node(steps.register(plan.lesion.contrast)), "transform", node, "register")


def _mask_source(
    workflow: Workflow, plan: SessionPlan, settings: PreprocessSettings, reference: Node, threads: int
) -> Node:
    """Return the node that makes the brain mask, or takes one that is there."""
    if plan.brain_mask is not None:
        take = Node(Take(mask=str(plan.brain_mask.path)), name=Steps(plan.reference).strip())
        workflow.connect(reference, "image", take, "reference")
        return take
    strip = _strip(Steps(plan.reference).strip(), plan.reference, settings, threads)
    if settings.brain_mask == "none":
        strip.inputs.raw = str(plan.images[plan.reference])
    workflow.connect(reference, "image", strip, "image")
    return strip


def _strip(name: str, contrast: Contrast, settings: PreprocessSettings, threads: int) -> Node:
    own = threads if settings.runs_program else 1
    return Node(Strip(settings=settings.to_json(), contrast=str(contrast), threads=own), name=name, n_procs=own)


def _resample(workflow: Workflow, name: str, align: Node, interpolation: str) -> Node:
    node = Node(Resample(interpolation=interpolation), name=name)
    workflow.connect(align, "transform", node, "align")
    return node


def _configure(scratch: Path) -> None:
    """Set nipype up; a workflow copies its configuration when it is made, so this comes first."""
    os.environ.update(SINGLE_THREAD)
    config.update_config(
        {
            "execution": {
                "crashdump_dir": str(scratch / CRASHES),
                "crashfile_format": "txt",
                "stop_on_first_crash": "false",
                "poll_sleep_duration": "0.2",
                "check_version": "false",
                "create_report": "false",
                "remove_unnecessary_outputs": "false",
            },
            "logging": {"workflow_level": "WARNING", "interface_level": "WARNING", "log_to_file": "false"},
        }
    )
    logging.update_logging(config)


class _Steps(MultiProcPlugin):
    """Runs nodes in processes that end when the one that schedules them is killed, and ends when one of them is."""

    def __init__(self, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self.pool: ProcessPoolExecutor  # that of the plugin has no processes yet
        self.pool = ProcessPoolExecutor(self.processors, initializer=_begin_worker, initargs=(Path.cwd(), os.getpid()))

    def _async_callback(self, args: Future[Any]) -> None:
        if args.exception() is None:
            super()._async_callback(args)

    def _send_procs_to_workers(self, updatehash: bool = False, graph: Any = None) -> None:
        # the plugin would wait for ever for what a killed process was to tell
        for task in self._task_obj.values():
            if task.done() and (error := task.exception()):
                raise error
        super()._send_procs_to_workers(updatehash, graph)


def _begin_worker(folder: Path, parent: int) -> None:
    # whatever signal ends a worker, it is not taken for a failure of the image that it worked on
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent(parent)
    process_initializer(str(folder))


@dataclass(frozen=True)
class NodeFailure:
    """A step that raised: its name, and the last line of its message."""

    node: str
    message: str


def run(workflow: Workflow, scratch: Path, *, threads: int) -> list[NodeFailure]:
    """Run a session's workflow as far as it goes; what depends on a failed step is left out.

    Parameters
    ----------
    workflow
        Made by `build`.
    scratch
        The same folder as there.
    threads
        Steps at a time.

    Returns
    -------
    list of NodeFailure
        Empty if all went well.

    Raises
    ------
    BrokenExecutor
        If one of the processes was killed.
    """
    try:
        workflow.run(plugin=_Steps({"n_procs": threads, "raise_insufficient": False}))
    except BrokenExecutor:  # a RuntimeError, too
        raise
    except RuntimeError:
        failures = [_read_crash(path) for path in sorted((scratch / CRASHES).glob("crash-*.txt"))]
        if not failures:
            raise
        return failures
    return []


def _read_crash(path: Path) -> NodeFailure:
    text = path.read_text(encoding="utf-8", errors="replace")
    node = next((line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("Node:")), path.name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    message = next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "no message")
    return NodeFailure(node.split(".")[-1], message.removeprefix("gliofill.errors.GliofillError: "))
