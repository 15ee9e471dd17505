"""A generated patient: one head, one tumour, four contrasts, each with its own motion and grid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofill.contrasts import Contrast
from gliofill.simulation.head import Head, built_in_head
from gliofill.simulation.phantom.scanner import Acquisition, fine_coordinates, plan_acquisition, sample, scan
from gliofill.simulation.phantom.warp import Look, Warp, individual_look, individual_warp, render_patient
from gliofill.simulation.tumour import LESION_LABELS, Tumour, grow_tumour

#: the noise-free contrasts are stored as integers, this times the scale of `gliofill.simulation.head.INTENSITIES`
TRUTH_SCALE = 1000


@dataclass(frozen=True)
class GeneratedScan:
    """One contrast of a patient.

    Attributes
    ----------
    acquisition
        The grid of the image, and the motion from the anatomy to it.
    data
        ndarray, shape (I, J, K), int16: the raw image.
    brain
        ndarray, shape (I, J, K), bool: the brain on the grid of the image.
    lesion
        ndarray, shape (I, J, K), uint8: `LESION_LABELS` on the grid of the image.
    truth
        ndarray, shape (X, Y, Z), int16: the contrast without noise and bias on the grid of the anatomy.
    """

    acquisition: Acquisition
    data: NDArray[np.int16]
    brain: NDArray[np.bool_]
    lesion: NDArray[np.uint8]
    truth: NDArray[np.int16]


@dataclass(frozen=True)
class Patient:
    """What is known of a patient before the first scan.

    Attributes
    ----------
    affine
        ndarray, shape (4, 4): the grid of the anatomy, voxel indices to RAS millimetres.
    brain, lesion
        ndarrays, shape (X, Y, Z), bool and uint8: the brain and `LESION_LABELS` on the grid of the anatomy.
    """

    head: Head
    tumour: Tumour
    warp: Warp
    look: Look
    affine: NDArray[np.float64]
    brain: NDArray[np.bool_]
    lesion: NDArray[np.uint8]
    coarse: float = 1.0


def make_patient(rng: np.random.Generator, *, coarse: float = 1.0) -> Patient:
    """Draw a tumour and an anatomy.

    Parameters
    ----------
    rng
        Source of all choices.
    coarse
        Factor on all voxel sizes, to make small images for tests; the anatomy has 1 mm voxels times this.
    """
    head = built_in_head()
    tumour = grow_tumour(head, rng)
    warp = individual_warp(head, tumour.pushes, rng)
    look = individual_look(head, tumour, rng)
    affine = head.affine @ np.diag([coarse, coarse, coarse, 1])
    where = warp.coordinates(_anatomy_shape(head, coarse), affine, head)
    brain = sample(head.brain.astype(np.float32), where) > 0.5
    return Patient(head, tumour, warp, look, affine, brain, _lesion_labels(tumour, where), coarse)


def scan_patient(patient: Patient, rng: np.random.Generator) -> Iterator[tuple[Contrast, GeneratedScan]]:
    """Scan all four contrasts, one at a time to spare memory."""
    head, warp = patient.head, patient.warp
    brain = head.brain.astype(np.float32)
    anatomy = warp.coordinates(_anatomy_shape(head, patient.coarse), patient.affine, head)
    for contrast in Contrast:
        image = render_patient(head, contrast, patient.tumour, look=patient.look, rng=rng)
        acquisition = plan_acquisition(contrast, rng, coarse=patient.coarse)
        parts = acquisition.subslices
        where = fine_coordinates(acquisition, warp, head)
        yield (
            contrast,
            GeneratedScan(
                acquisition,
                scan(sample(image, where, subslices=parts, mode="nearest"), rng),
                sample(brain, where, subslices=parts) > 0.5,
                _lesion_labels(patient.tumour, where, subslices=parts),
                np.rint(TRUTH_SCALE * sample(image, anatomy)).astype(np.int16),
            ),
        )


def _anatomy_shape(head: Head, coarse: float) -> tuple[int, ...]:
    return tuple(int(np.ceil(n / coarse)) for n in head.brain.shape)


def _lesion_labels(tumour: Tumour, where: NDArray[np.float32], *, subslices: int = 1) -> NDArray[np.uint8]:
    """Return the part of the lesion that fills most of each voxel, 0 where less than half of the voxel is lesion."""
    shares = np.stack([sample(tumour.fractions[name], where, subslices=subslices) for name in LESION_LABELS])
    whole = shares.sum(axis=0) > 0.5
    labels = np.zeros(whole.shape, dtype=np.uint8)
    labels[whole] = np.array(list(LESION_LABELS.values()), dtype=np.uint8)[shares[:, whole].argmax(axis=0)]
    return labels
