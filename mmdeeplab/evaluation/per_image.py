"""The counts of every image, from which intervals and rankings are computed."""

from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import torch
from mmengine import dist
from torch import Tensor

from mmdeeplab.evaluation.scores import class_scores, mean, percent, plain

ANY_BYTES = 'surrogateescape'  # how Python gives the bytes of a file's name that are no UTF-8


class ImageCounts(NamedTuple):
    """Counts of N images in sparse form: a row for every class in an image's label or prediction.

    Attributes:
        paths: N sorted paths.
        image: (M,) index of the image of each row.
        classes: (M,) class of each row.
        counts: (M, 3) int64: pixels of the class that are right, labelled, predicted.
        losses: (N,) cross entropy summed over the pixels; NaN if unknown.
        num_classes: C.
    """

    paths: list[str]
    image: np.ndarray
    classes: np.ndarray
    counts: np.ndarray
    losses: np.ndarray
    num_classes: int

    def report(self) -> list[dict]:
        """A dict for each image: ``id``, ``mIoU`` and ``aAcc`` in percent, ``counts`` by class id.

        ``mIoU`` is the mean over the classes in the image's label or prediction. ``counts`` are the
        numbers of right, labelled and predicted pixels of a class.
        """
        bounds = np.searchsorted(self.image, np.arange(len(self.paths) + 1))
        rows = []
        for i, name in enumerate(short_names(self.paths)):
            span = slice(bounds[i], bounds[i + 1])
            true_positives, ground_truth, _ = self.counts[span].T
            rows.append(
                dict(
                    id=name,
                    mIoU=image_miou(self.counts[span]),
                    aAcc=plain(percent(true_positives.sum(), ground_truth.sum())),
                    counts={
                        str(c): row.tolist()
                        for c, row in zip(self.classes[span], self.counts[span], strict=True)
                    },
                )
            )
        return rows


def image_miou(counts: np.ndarray) -> float | None:
    """The mean IoU of one image in percent, over the classes of its label or prediction.

    Args:
        counts: (n, 3) pixels of these classes that are right, labelled, predicted.
    """
    return plain(mean(class_scores(*counts.T)['IoU']))


class ImageStore:
    """Collects the counts of one rank's images; :meth:`gather` joins those of all ranks.

    An image takes 32 bytes for each class in it, and its path.
    """

    def __init__(self) -> None:
        self._paths: list[bytes] = []
        self._rows: list[Tensor] = []
        self._losses: list[float] = []

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, path: str, matrix: Tensor, loss: float = float('nan')) -> np.ndarray:
        """Keep an image: its (C, C) confusion matrix and the sum of its cross entropy.

        Returns:
            (n, 3): for each class in the image the pixels that are right, labelled, predicted.
        """
        counts = torch.stack([matrix.diagonal(), matrix.sum(1), matrix.sum(0)], 1).cpu()
        (present,) = counts.any(1).nonzero(as_tuple=True)
        image = torch.full_like(present, len(self))
        self._rows.append(torch.cat([torch.stack([image, present], 1), counts[present]], 1))
        self._paths.append(path.encode(errors=ANY_BYTES))
        self._losses.append(loss)
        shown: np.ndarray = counts[present].numpy()
        return shown

    def gather(self, num_classes: int) -> ImageCounts:
        """The images of all ranks, sorted by path, on every rank; only tensors are exchanged."""
        longest = torch.tensor(max(map(len, self._paths), default=1))
        dist.all_reduce(longest, 'max')
        width = int(longest)
        paths = np.frombuffer(b''.join(p.ljust(width, b'\0') for p in self._paths), np.uint8)
        every_path = gather_rows(torch.from_numpy(paths.copy()).view(len(self), width))
        losses = gather_rows(torch.tensor(self._losses, dtype=torch.float64)).numpy()
        local_rows = torch.cat(self._rows) if self._rows else torch.zeros(0, 5, dtype=torch.int64)
        parts = all_rows(local_rows)
        starts = np.cumsum([0, *(len(part) for part in all_rows(torch.arange(len(self))))])
        for part, start in zip(parts, starts[:-1], strict=True):
            part[:, 0] += int(start)
        rows = torch.cat(parts).numpy()
        texts = [bytes(row).rstrip(b'\0').decode(errors=ANY_BYTES) for row in every_path.numpy()]
        order = sorted(range(len(texts)), key=texts.__getitem__)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        rows[:, 0] = rank[rows[:, 0]]
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        names = [texts[i] for i in order]
        return ImageCounts(
            names,
            rows[:, 0],
            classes=rows[:, 1],
            counts=rows[:, 2:],
            losses=losses[order],
            num_classes=num_classes,
        )


def all_rows(rows: Tensor) -> list[Tensor]:
    """The rows (n, ...) of every rank, on the CPU; n may differ between ranks."""
    lengths = [int(n) for n in dist.all_gather(torch.tensor(len(rows)))]
    padded = rows.new_zeros(max(lengths), *rows.shape[1:])
    padded[: len(rows)] = rows
    parts = dist.all_gather(padded)
    return [part[:n].cpu().clone() for part, n in zip(parts, lengths, strict=True)]


def gather_rows(rows: Tensor) -> Tensor:
    """The rows (n, ...) of all ranks as one tensor; n may differ between ranks."""
    return torch.cat(all_rows(rows))


def short_names(paths: list[str]) -> list[str]:
    """Paths relative to their common folder, without suffix, as VOC's ids."""
    parents = [PurePath(path).parent.parts for path in paths]
    shared = 0
    while parents and all(len(p) > shared and p[shared] == parents[0][shared] for p in parents):
        shared += 1
    return [PurePath(*PurePath(path).parts[shared:]).with_suffix('').as_posix() for path in paths]
