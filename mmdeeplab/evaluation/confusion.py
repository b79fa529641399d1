"""Compute confusion matrices: exact counts of pixels by label and prediction."""

import cv2
import numpy as np
import torch
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX, run_lengths

CHUNK = 2**22  # pixels counted at once; OpenCV counts in float32, exactly up to 2**24
BYTE = 256
INTEGERS = (torch.uint8, torch.int16, torch.int32, torch.int64)
Counted = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Label, prediction and number of pixels of some pairs; a pair may come several times."""


def confusion_matrix(
    prediction: Tensor,
    label: Tensor,
    num_classes: int,
    ignore_index: int = IGNORE_INDEX,
    name: str = '',
) -> Tensor:
    """Count the pixels of an image by label (row) and prediction (column), exactly, in int64.

    Args:
        prediction: (H, W) class ids of any integer type.
        label: (H, W) class ids; pixels with ``ignore_index`` are not counted.
        num_classes: C.
        ignore_index: The id of void.
        name: Where the label comes from, for the message.

    Returns:
        (C, C) int64 on the CPU.

    Raises:
        UserError: The shapes differ, or an id is not a class.
    """
    if prediction.shape != label.shape:
        raise UserError(
            f'prediction {tuple(prediction.shape)} and label {tuple(label.shape)} of {name} '
            'differ in size'
        )
    fast = _of_pairs(prediction, label, num_classes, ignore_index)
    if fast is not None:
        return fast
    counts = pair_counts(prediction, label, num_classes, ignore_index)
    return matrix_of(counts.cpu(), prediction, label, num_classes, ignore_index, name)


def pair_counts(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = IGNORE_INDEX
) -> Tensor:
    """The counts of :func:`confusion_matrix` as one row, computed without waiting for a GPU.

    Returns:
        (C * C + 2,) int64 on the prediction's device; the last two entries count void pixels, and
        pixels whose id is not a class.
    """
    pairs = num_classes**2
    counts = torch.zeros(pairs + 2, dtype=torch.int64, device=prediction.device)
    rows = max(CHUNK // max(prediction.shape[1], 1), 1)
    for predicted, labelled in zip(prediction.split(rows), label.split(rows), strict=True):
        labelled, predicted = labelled.to(prediction.device).long(), predicted.long()
        valid = (labelled >= 0) & (labelled < num_classes)
        valid &= (predicted >= 0) & (predicted < num_classes)
        joint = (labelled * num_classes + predicted).where(valid, pairs + 1)
        joint = joint.masked_fill(labelled == ignore_index, pairs).flatten()
        counts.scatter_add_(0, joint, torch.ones_like(joint))
    return counts


def matrix_of(
    counts: Tensor,
    prediction: Tensor,
    label: Tensor,
    num_classes: int,
    ignore_index: int,
    name: str,
) -> Tensor:
    """The confusion matrix (C, C) on the CPU, from the result of :func:`pair_counts`.

    Raises:
        UserError: An id is not a class.
    """
    if counts[-1]:
        labelled = label.to(prediction.device).long()
        valid = labelled != ignore_index
        _check_ids('label', labelled[valid], num_classes, ignore_index, name)
        _check_ids('predicted class', prediction[valid].long(), num_classes, ignore_index, name)
    return counts[:-2].view(num_classes, num_classes)


def _of_pairs(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int
) -> Tensor | None:
    """Compute the matrix on a CPU by faster ways than masking pixels.

    None if the ids are of other types or on another device, or if an id is not a class.
    """
    if any(ids.device.type != 'cpu' or ids.dtype not in INTEGERS for ids in (prediction, label)):
        return None
    maps = label.contiguous().numpy(), prediction.contiguous().numpy()
    pairs = _runs(*maps) or _histogram(*maps) if label.numel() else None
    if pairs is None:
        return None
    valid = pairs[0] != ignore_index
    rows, columns, counts = (part[valid] for part in pairs)
    if any(((ids < 0) | (ids >= num_classes)).any() for ids in (rows, columns)):
        return None
    joint = rows.astype(np.int64) * num_classes + columns.astype(np.int64)
    matrix = np.bincount(joint, counts, num_classes**2)  # in float64, exactly up to 2**53
    return torch.from_numpy(matrix.astype(np.int64)).view(num_classes, num_classes)


def _runs(label: np.ndarray, prediction: np.ndarray) -> Counted | None:
    """Labels, predictions and counts, by runs of equal pairs; None if the runs are short."""
    runs = run_lengths(prediction, label)
    if runs is None:
        return None
    ends, lengths = runs
    return label.ravel()[ends], prediction.ravel()[ends], lengths


def _histogram(label: np.ndarray, prediction: np.ndarray) -> Counted | None:
    """Labels, predictions and counts, by OpenCV's histogram; None if an id is above 255."""
    rows, columns = _bytes(label), _bytes(prediction)
    if rows is None or columns is None:
        return None
    total = np.zeros((BYTE, BYTE), np.int64)
    lines = max(CHUNK // rows.shape[1], 1)
    for i in range(0, len(rows), lines):
        images = [rows[i : i + lines], columns[i : i + lines]]
        histogram = cv2.calcHist(images, [0, 1], None, [BYTE, BYTE], [0, BYTE, 0, BYTE])
        total += histogram.astype(np.int64)
    seen = np.flatnonzero(total)
    return seen // BYTE, seen % BYTE, total.ravel()[seen]


def _bytes(ids: np.ndarray) -> np.ndarray | None:
    """Integers (H, W) as uint8; None if one is not between 0 and 255."""
    if ids.dtype == np.uint8:
        return ids
    unsigned = ids.view(f'u{ids.itemsize}')  # negative ones become large
    return ids.astype(np.uint8) if unsigned.max() < BYTE else None


def _check_ids(id_name: str, ids: Tensor, num_classes: int, ignore_index: int, name: str) -> None:
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < num_classes:
        bad = ids[(ids < 0) | (ids >= num_classes)].unique().tolist()
        raise UserError(
            f'{id_name} {", ".join(map(str, bad[:5]))} of {name} is outside the '
            f'{num_classes} classes (0..{num_classes - 1}, void is {ignore_index})'
        )


def class_ids(ids: Tensor) -> Tensor:
    """A label map as integers: single-channel heads of mmseg, and some data sets, give floats."""
    return ids.long() if ids.is_floating_point() else ids
