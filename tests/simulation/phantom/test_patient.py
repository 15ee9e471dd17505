import numpy as np
import pytest

from gliofill.simulation.phantom.patient import make_patient, scan_patient

pytestmark = pytest.mark.slow


def test_motion_is_rigid_and_takes_the_brain_from_the_anatomy_to_each_image():
    # the brain reaches the edge of the template at its lowest slice, which no motion matrix can undo: it is left out
    patient = make_patient(np.random.default_rng(3), coarse=2.0)
    for _, scan in scan_patient(patient, np.random.default_rng(5)):
        motion, grid = scan.acquisition.motion, scan.acquisition.affine
        np.testing.assert_allclose(motion[:3, :3] @ motion[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(motion[:3, :3]) == pytest.approx(1)
        moved = motion @ patient.affine @ [*np.argwhere(patient.brain).mean(axis=0), 1]
        found = grid @ [*np.argwhere(scan.brain).mean(axis=0), 1]
        assert np.linalg.norm((moved - found)[:3]) < 0.3
        # a head moved by nothing would be found millimetres away
        assert np.linalg.norm((patient.affine @ [*np.argwhere(patient.brain).mean(axis=0), 1] - found)[:3]) > 1
        ends = [scan.brain.any(axis=others) for others in ((1, 2), (0, 2), (0, 1))]
        assert sum(bool(end[0]) + bool(end[-1]) for end in ends) == 0
