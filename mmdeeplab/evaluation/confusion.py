"""The confusion matrix: exact counts of pixels."""

import sys

import cv2
import numpy as np
import torch
from torch import Tensor

from mmdeeplab.errors import UserError

CHUNK = 2**22  # pixels counted at once; OpenCV counts in float32, exactly up to 2**24
BYTE = 256
LOWEST = 0 if sys.byteorder == 'little' else 7  # which byte of an int64 has the small numbers


def confusion_matrix(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255, name: str = ''
) -> Tensor:
    """Count pixels by label (row) and prediction (column), exactly, in int64.

    Args:
        prediction: (H, W) class ids of any integer type.
        label: (H, W) class ids; ``ignore_index`` is left out.
        num_classes: C.
        ignore_index: Void.
        name: Where the label comes from, for the error.

    Returns:
        (C, C) int64 on the prediction's device.

    Raises:
        UserError: Shapes differ, or an id is outside the classes.
    """
    if prediction.shape != label.shape:
        raise UserError(
            f'prediction {tuple(prediction.shape)} and label {tuple(label.shape)} of {name} '
            'differ in size'
        )
    fast = _histogram(prediction, label, num_classes, ignore_index)
    if fast is not None:
        return fast
    counts = torch.zeros(num_classes**2, dtype=torch.int64, device=prediction.device)
    rows = max(CHUNK // max(prediction.shape[1], 1), 1)
    for predicted, labelled in zip(prediction.split(rows), label.split(rows), strict=True):
        labelled = labelled.to(prediction.device).long()
        valid = labelled != ignore_index
        labelled, predicted = labelled[valid], predicted[valid].long()
        _check_ids('label', labelled, num_classes, ignore_index, name)
        _check_ids('predicted class', predicted, num_classes, ignore_index, name)
        joint = labelled * num_classes + predicted
        counts += torch.bincount(joint, minlength=num_classes**2)
    return counts.view(num_classes, num_classes)


def _histogram(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int
) -> Tensor | None:
    """The matrix by OpenCV's histogram of pairs of bytes, many times as fast as sorting pixels out.

    None for ids that are no bytes, on other devices, and where an id is outside the classes.
    """
    columns, rows = _bytes(prediction), _bytes(label)
    if columns is None or rows is None or not 0 < num_classes <= BYTE or not label.numel():
        return None
    counts = np.zeros((BYTE, num_classes), np.int64)
    lines = max(CHUNK // label.shape[1], 1)
    for i in range(0, len(label), lines):
        images = [rows[i : i + lines], columns[i : i + lines]]
        channels = [LOWEST % rows.shape[2], rows.shape[2] + LOWEST % columns.shape[2]]
        bins, ranges = [BYTE, num_classes], [0, BYTE, 0, num_classes]
        counts += cv2.calcHist(images, channels, None, bins, ranges).astype(np.int64)
    complete = counts.sum() == label.numel()
    if 0 <= ignore_index < BYTE:
        counts[ignore_index] = 0
    matrix = counts[:num_classes]
    return torch.from_numpy(matrix) if complete and not counts[num_classes:].any() else None


def _bytes(ids: Tensor) -> np.ndarray | None:
    """(H, W) -> (H, W, 1) or (H, W, 8) uint8 that shares its memory; None for other numbers."""
    if ids.device.type != 'cpu' or ids.dtype not in (torch.uint8, torch.int64) or not ids.numel():
        return None
    if ids.dtype == torch.uint8:
        return ids.contiguous().numpy()[..., None]
    least, largest = (int(value) for value in torch.aminmax(ids))
    if least < 0 or largest >= BYTE:
        return None
    return ids.contiguous().numpy().view(np.uint8).reshape(*ids.shape, 8)


def _check_ids(kind: str, ids: Tensor, num_classes: int, ignore_index: int, name: str) -> None:
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < num_classes:
        bad = ids[(ids < 0) | (ids >= num_classes)].unique().tolist()
        raise UserError(
            f'{kind} {", ".join(map(str, bad[:5]))} of {name} is outside the '
            f'{num_classes} classes (0..{num_classes - 1}, void is {ignore_index})'
        )
