"""The confusion matrix and the scores that follow from it."""

from collections.abc import Sequence

import numpy as np
import torch
from prettytable import PrettyTable
from torch import Tensor

from mmdeeplab.errors import UserError


def confusion_matrix(
    prediction: Tensor, label: Tensor, num_classes: int, ignore_index: int = 255, name: str = ''
) -> Tensor:
    """Count pixels by label (row) and prediction (column), exactly, in int64.

    Args:
        prediction: (H, W) class ids.
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
    label = label.to(prediction.device).long()
    valid = label != ignore_index
    label, prediction = label[valid], prediction[valid].long()
    for kind, ids in (('label', label), ('predicted class', prediction)):
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < num_classes:
            bad = ids[(ids < 0) | (ids >= num_classes)].unique().tolist()
            raise UserError(
                f'{kind} {", ".join(map(str, bad[:5]))} of {name} is outside the '
                f'{num_classes} classes (0..{num_classes - 1}, void is {ignore_index})'
            )
    joint = torch.bincount(label * num_classes + prediction, minlength=num_classes**2)
    return joint.view(num_classes, num_classes)


def scores(matrix: np.ndarray, classes: Sequence[str]) -> dict:
    """Every score of a confusion matrix, in percent.

    A class without a single labelled or predicted pixel has no IoU (None) and is left out of
    ``mIoU``; a class without a labelled pixel has no accuracy and is left out of ``mAcc``. Classes
    that the labels lack are named in ``absent``.

    Args:
        matrix: (C, C) counts, rows labels, columns predictions.
        classes: C names.

    Returns:
        ``mIoU``, ``mAcc``, ``aAcc``, ``per_class`` {name: {IoU, Acc}}, ``absent``.
    """
    hit = matrix.diagonal().astype(float)
    labelled, predicted = matrix.sum(1), matrix.sum(0)

    def percent(part: float, whole: int) -> float | None:
        return 100 * part / int(whole) if whole else None

    iou = [
        percent(h, w) for h, w in zip(hit, labelled + predicted - matrix.diagonal(), strict=True)
    ]
    acc = [percent(h, w) for h, w in zip(hit, labelled, strict=True)]
    return dict(
        mIoU=mean(iou),
        mAcc=mean(acc),
        aAcc=percent(hit.sum(), matrix.sum()),
        per_class={n: dict(IoU=i, Acc=a) for n, i, a in zip(classes, iou, acc, strict=True)},
        absent=[name for name, count in zip(classes, labelled, strict=True) if not count],
    )


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of the values that exist."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def table(result: dict) -> str:
    """The scores as text: one row a class, and the means."""
    shown = PrettyTable(['class', 'IoU', 'Acc'], align='r')
    shown.align['class'] = 'l'

    def number(value: float | None) -> str:
        return '-' if value is None else f'{value:.2f}'

    rows = list(result['per_class'].items())
    for i, (name, row) in enumerate(rows):
        shown.add_row([name, number(row['IoU']), number(row['Acc'])], divider=i == len(rows) - 1)
    shown.add_row(['mean', number(result['mIoU']), number(result['mAcc'])])
    text = f'{shown.get_string()}\nmIoU {number(result["mIoU"])}   mAcc {number(result["mAcc"])}   '
    text += f'aAcc {number(result["aAcc"])}'
    if 'trimap' in result:
        bands = (f'{width} px {number(value)}' for width, value in result['trimap'].items())
        text += f'\nmIoU near the borders: {"   ".join(bands)}'
    if result['absent']:
        text += f'\nnot in the labels: {", ".join(result["absent"])}'
    return text
