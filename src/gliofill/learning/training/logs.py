"""What a training run leaves to look at: losses and scores as CSV and for TensorBoard, and pictures at intervals."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tensorboardX import SummaryWriter

from gliofill.files.atomic import whole_file
from gliofill.learning.volumes.cases import Volume

LOSSES, SCORES = "losses.csv", "scores.csv"
LOSS_TERMS = ("discriminator", "adversarial", "l1", "lesion", "ssim")
SCORE_TERMS = ("ssim", "ssim_lesion")


class Record:
    """The logs of one network of an ensemble; rows after iteration `done`, of a run cut short, are dropped.

    Parameters
    ----------
    folder
        Of the model.
    member
        Number of the network, from 0.
    done
        Iterations that earlier parts of the run have done.
    """

    def __init__(self, folder: Path, member: int, done: int) -> None:
        self.pictures = folder / "validation"
        self.member = member
        self._losses = _Table(folder / LOSSES, LOSS_TERMS, member, done)
        self._scores = _Table(folder / SCORES, SCORE_TERMS, member, done)
        self._board = SummaryWriter(str(folder / "tensorboard" / str(member)), purge_step=done + 1, write_to_disk=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for log in (self._losses, self._scores, self._board):
            log.close()

    def losses(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Note the loss terms of an iteration."""
        self._losses.add(iteration, losses)
        for name, value in losses.items():
            self._board.add_scalar(f"loss/{name}", value, iteration)

    def scores(self, iteration: int, scores: Mapping[str, float]) -> None:
        """Note scores on the held-out sessions."""
        self._scores.add(iteration, scores)
        for name, value in scores.items():
            self._board.add_scalar(f"validation/{name}", value, iteration)

    def picture(self, iteration: int, watched: Sequence[tuple[Volume, NDArray[np.float32]]]) -> None:
        """Draw source, target and prediction of one slice of each session, side by side."""
        rows = [_row(volume, predicted) for volume, predicted in watched]
        width = max(row.shape[1] for row in rows)
        picture = np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, format="png")
        with whole_file(self.pictures / f"network-{self.member}_iteration-{iteration:06d}.png") as temporary:
            temporary.write_bytes(buffer.getvalue())


class _Table:
    """A CSV file that grows, with the rows of every network of an ensemble."""

    def __init__(self, path: Path, terms: Sequence[str], member: int, done: int) -> None:
        self._terms, self._member = terms, member
        columns = ["network", "iteration", *terms]
        kept = _kept(path, columns, member, done)
        with whole_file(path) as temporary:
            temporary.write_text("\n".join([",".join(columns), *kept]) + "\n", encoding="utf-8")
        self._file = path.open("a", encoding="utf-8", newline="", buffering=1)
        self._writer = csv.writer(self._file, lineterminator="\n")

    def add(self, iteration: int, values: Mapping[str, float]) -> None:
        cells = [f"{values[term]:.6g}" if term in values else "n/a" for term in self._terms]
        self._writer.writerow([self._member, iteration, *cells])

    def close(self) -> None:
        self._file.close()


def _kept(path: Path, columns: Sequence[str], member: int, done: int) -> list[str]:
    if not path.is_file():
        return []
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    whole = [row for row in rows if len(row) == len(columns)]
    return [",".join(row) for row in whole if (int(row[0]), int(row[1])) <= (member, done)]


def _row(volume: Volume, predicted: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the slice with the most lesion, else the most brain, as grey values; the front of the head is up."""
    mask = volume.lesion if volume.lesion.any() else volume.brain
    index = int(mask.sum(axis=(1, 2)).argmax())
    images = [volume.source[index], volume.target[index], np.where(volume.brain[index], predicted[index], 0)]
    return np.concatenate(
        [np.rot90((image.astype(np.float32) * 255).astype(np.uint8)[::-1]) for image in images], axis=1
    )
