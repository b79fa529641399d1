"""The confusion matrix: exact counts of pixels."""

import torch
from torch import Tensor

from mmdeeplab.errors import UserError

CHUNK = 2**22  # pixels counted at once; their int64 copies are what an image costs


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


def _check_ids(kind: str, ids: Tensor, num_classes: int, ignore_index: int, name: str) -> None:
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < num_classes:
        bad = ids[(ids < 0) | (ids >= num_classes)].unique().tolist()
        raise UserError(
            f'{kind} {", ".join(map(str, bad[:5]))} of {name} is outside the '
            f'{num_classes} classes (0..{num_classes - 1}, void is {ignore_index})'
        )
