"""Thin nipype interfaces around the steps.

The steps are imported when a node runs, in its own process: the process that schedules stays free of ITK and its
threads.
"""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterface, BaseInterfaceInputSpec, File, TraitedSpec, Undefined, traits

from gliofill.config.settings import PreprocessSettings
from gliofill.contrasts import Contrast
from gliofill.preprocess import scratch


class _Step(BaseInterface):
    """An interface whose outputs are files in the node's folder."""

    def _out(self, name: str) -> Path:
        return Path.cwd() / name

    def _files(self, **names: str) -> dict[str, str]:
        """Return the outputs by the names of their files."""
        return {output: str(self._out(name)) for output, name in names.items()}


class CorrectInput(BaseInterfaceInputSpec):
    """Inputs of `Correct`."""

    image = File(exists=True, mandatory=True)
    bias_correction = traits.Bool(True, usedefault=True)
    stripped = traits.Bool(False, usedefault=True)


class ImageOutput(TraitedSpec):
    """One image."""

    image = File(exists=True)


class Correct(_Step):
    """N4 in native space; see `steps.correct`."""

    input_spec, output_spec = CorrectInput, ImageOutput

    def _run_interface(self, runtime: Any) -> Any:
        from gliofill.preprocess import steps

        steps.correct(
            Path(self.inputs.image),
            self._out(scratch.CORRECTED),
            bias_correction=self.inputs.bias_correction,
            stripped=self.inputs.stripped,
        )
        return runtime

    def _list_outputs(self) -> dict[str, str]:
        return self._files(image=scratch.CORRECTED)


class StripInput(BaseInterfaceInputSpec):
    """Inputs of `Strip`."""

    image = File(exists=True, mandatory=True)
    settings = traits.Str(mandatory=True)
    contrast = traits.Str(mandatory=True)
    raw = File(exists=True)
    threads = traits.Int(1, usedefault=True)


class MaskOutput(TraitedSpec):
    """A brain mask, and the distances from the brain if they were measured."""

    mask = File(exists=True)
    distance = File(exists=True)


class Strip(_Step):
    """Brain mask of an image; see `steps.strip`."""

    input_spec, output_spec = StripInput, MaskOutput

    def _run_interface(self, runtime: Any) -> Any:
        from gliofill.preprocess import steps

        inputs = self.inputs
        steps.strip(
            Path(inputs.image),
            self._out(scratch.MASK_FILE),
            settings=PreprocessSettings.from_json(inputs.settings),
            contrast=Contrast(inputs.contrast),
            raw=None if inputs.raw is Undefined else Path(inputs.raw),
            threads=inputs.threads,
        )
        return runtime

    def _list_outputs(self) -> dict[str, str]:
        files = {"mask": self._out(scratch.MASK_FILE), "distance": self._out(scratch.DISTANCE_FILE)}
        return {name: str(file) for name, file in files.items() if file.is_file()}


class TakeInput(BaseInterfaceInputSpec):
    """Inputs of `Take`."""

    mask = File(exists=True, mandatory=True)
    reference = File(exists=True, mandatory=True)


class Take(_Step):
    """Brain mask that was made elsewhere; see `steps.take_mask`."""

    input_spec, output_spec = TakeInput, MaskOutput

    def _run_interface(self, runtime: Any) -> Any:
        from gliofill.preprocess import steps

        steps.take_mask(Path(self.inputs.mask), Path(self.inputs.reference), self._out(scratch.MASK_FILE))
        return runtime

    def _list_outputs(self) -> dict[str, str]:
        return self._files(mask=scratch.MASK_FILE)


class RegisterInput(BaseInterfaceInputSpec):
    """Inputs of `Register`."""

    reference = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True)
    moving = File(exists=True, mandatory=True)


class TransformOutput(TraitedSpec):
    """A rigid transform and the scores of its registration."""

    transform = File(exists=True)
    scores = File(exists=True)


class Register(_Step):
    """Rigid registration to the reference; see `steps.register_to_reference`."""

    input_spec, output_spec = RegisterInput, TransformOutput

    def _run_interface(self, runtime: Any) -> Any:
        from gliofill.preprocess import steps

        files = [Path(getattr(self.inputs, name)) for name in ("reference", "mask", "moving")]
        steps.register_to_reference(files[0], files[1], files[2], self._out(scratch.REGISTERED))
        return runtime

    def _list_outputs(self) -> dict[str, str]:
        return self._files(transform=scratch.REGISTERED, scores=scratch.scores_of(scratch.REGISTERED))


class AlignInput(BaseInterfaceInputSpec):
    """Inputs of `Align`."""

    reference = File(exists=True, mandatory=True)
    mask = File(exists=True, mandatory=True)
    contrast = traits.Str(mandatory=True)
    target = File(exists=True)
    target_mask = File(exists=True)


class Align(_Step):
    """Rigid alignment of the reference to the template, or to another session; see `steps.align`."""

    input_spec, output_spec = AlignInput, TransformOutput

    def _run_interface(self, runtime: Any) -> Any:
        from gliofill.preprocess import steps

        inputs = self.inputs
        steps.align(
            Path(inputs.reference),
            Path(inputs.mask),
            self._out(scratch.ALIGNED),
            contrast=Contrast(inputs.contrast),
            target=None if inputs.target is Undefined else (Path(inputs.target), Path(inputs.target_mask)),
        )
        return runtime

    def _list_outputs(self) -> dict[str, str]:
        return self._files(transform=scratch.ALIGNED, scores=scratch.scores_of(scratch.ALIGNED))


class ResampleInput(BaseInterfaceInputSpec):
    """Inputs of `Resample`."""

    image = File(exists=True, mandatory=True)
    grid = File(exists=True)
    align = File(exists=True)
    register = File(exists=True)
    interpolation = traits.Str(mandatory=True)


class ResampleOutput(TraitedSpec):
    """A resampled image and the transform that it came through."""

    image = File(exists=True)
    transform = File(exists=True)


class Resample(_Step):
    """One interpolation onto the grid of the template, or of another image; see `steps.resample_to_grid`."""

    input_spec, output_spec = ResampleInput, ResampleOutput

    def _run_interface(self, runtime: Any) -> Any:
        from gliofill.preprocess import steps

        inputs = self.inputs
        steps.resample_to_grid(
            Path(inputs.image),
            [Path(transform) for transform in (inputs.align, inputs.register) if transform is not Undefined],
            self._out(scratch.RESAMPLED),
            interpolation=inputs.interpolation,
            grid=None if inputs.grid is Undefined else Path(inputs.grid),
        )
        return runtime

    def _list_outputs(self) -> dict[str, str]:
        return self._files(image=scratch.RESAMPLED, transform=scratch.transform_of(scratch.RESAMPLED))
