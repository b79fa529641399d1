"""Compute scores from a confusion matrix, and print them as tables."""

from collections.abc import Sequence

import numpy as np
from prettytable import PrettyTable

MEANS = ('mIoU', 'mAcc', 'aAcc', 'fwIoU')
COLUMNS = ('IoU', 'Acc', 'precision', 'recall', 'F1', 'frequency')


def class_scores(
    true_positives: np.ndarray, ground_truth: np.ndarray, predicted: np.ndarray
) -> dict:
    """Scores of every class, in percent; NaN if a score does not exist.

    A class without labelled and without predicted pixels has no IoU and no F1. One without labelled
    pixels has no accuracy (which is the recall), one without predicted pixels no precision.

    Args:
        true_positives: (..., C) number of pixels of each class that are predicted as this class.
        ground_truth: (..., C) number of pixels with its label.
        predicted: (..., C) number of pixels that are predicted as this class.

    Returns:
        ``IoU``, ``Acc``, ``precision``, ``recall``, ``F1`` and ``frequency`` (the share of the
        labelled pixels), each (..., C) float64.
    """
    accuracy = percent(true_positives, ground_truth)
    return dict(
        IoU=percent(true_positives, ground_truth + predicted - true_positives),
        Acc=accuracy,
        precision=percent(true_positives, predicted),
        recall=accuracy,
        F1=percent(2 * true_positives, ground_truth + predicted),
        frequency=percent(ground_truth, ground_truth.sum(-1, keepdims=True)),
    )


def mean_scores(
    true_positives: np.ndarray, ground_truth: np.ndarray, predicted: np.ndarray
) -> dict:
    """``mIoU``, ``mAcc``, ``aAcc`` and ``fwIoU`` in percent, each of shape (...).

    The arguments are those of :func:`class_scores`. Means are over the classes whose score exists.
    ``fwIoU`` weights each IoU by the class's share of the labelled pixels.
    """
    of_class = class_scores(true_positives, ground_truth, predicted)
    weighted = np.nan_to_num(of_class['IoU']) * of_class['frequency'] / 100
    return dict(
        mIoU=mean(of_class['IoU']),
        mAcc=mean(of_class['Acc']),
        aAcc=percent(true_positives.sum(-1), ground_truth.sum(-1)),
        fwIoU=weighted.sum(-1),
    )


def scores(matrix: np.ndarray, classes: Sequence[str]) -> dict:
    """All scores of a confusion matrix, in percent; None if a score does not exist.

    Classes without labelled pixels are listed in ``absent``. If such a class is predicted somewhere
    its IoU is 0 and counts in ``mIoU``; otherwise it has no IoU and does not count.

    Args:
        matrix: (C, C) counts; rows are labels, columns predictions.
        classes: C names.

    Returns:
        The means of :func:`mean_scores`, ``per_class`` {name: :func:`class_scores`}, ``absent`` and
        ``confusion`` (the matrix as lists).
    """
    counts = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    of_class = class_scores(*counts)
    return dict(
        **{key: plain(value) for key, value in mean_scores(*counts).items()},
        per_class={
            name: {key: plain(values[i]) for key, values in of_class.items()}
            for i, name in enumerate(classes)
        },
        absent=[name for name, count in zip(classes, counts[1], strict=True) if not count],
        confusion=matrix.tolist(),
    )


def percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """100 * part / whole; NaN where whole is 0."""
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(whole > 0, 100 * part / whole, np.nan)  # 100 * part is exact


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis, without NaN; NaN if there is no other value."""
    finite = np.isfinite(values)
    with np.errstate(invalid='ignore'):
        return np.where(finite, values, 0).sum(-1) / finite.sum(-1)


def plain(value: float | np.ndarray) -> float | None:
    """A number for JSON: None for NaN."""
    return None if np.isnan(value) else float(value)


def table(result: dict) -> str:
    """The scores as text: a row for each class, the means, and whatever else was measured."""
    shown = PrettyTable(['class', *COLUMNS], align='r')
    shown.align['class'] = 'l'
    rows = list(result['per_class'].items())
    for i, (name, row) in enumerate(rows):
        cells = [number(row[key]) for key in COLUMNS]
        shown.add_row([name, *cells], divider=i == len(rows) - 1)
    shown.add_row(['mean', number(result['mIoU']), number(result['mAcc']), '', '', '', ''])
    lines = [shown.get_string(), '   '.join(f'{key} {number(result[key])}' for key in MEANS)]
    interval = result.get('intervals', {}).get('mIoU')
    if interval:
        low, high = map(number, interval)
        lines[-1] += f'   (95 % interval of mIoU over images: {low} to {high})'
    if 'loss' in result:
        lines.append(f'mean cross entropy {number(result["loss"], 4)}')
    if 'trimap' in result:
        bands = (f'{width} px {number(value)}' for width, value in result['trimap'].items())
        lines.append(f'mIoU near the borders: {"   ".join(bands)}')
    if 'boundary_iou' in result:
        lines.append(f'mean Boundary IoU {number(result["boundary_iou"]["mean"])}')
    if result['absent']:
        lines.append(f'not in the labels: {", ".join(result["absent"])}')
    return '\n'.join(lines)


def number(value: float | None, digits: int = 2) -> str:
    """A score as text for the table."""
    return '-' if value is None else f'{value:.{digits}f}'


def compare(results: dict[str, dict]) -> str:
    """A table with a row for each named result: the means, the mIoU's interval, the loss."""
    shown = PrettyTable(['protocol', 'mIoU', '95 % interval', *MEANS[1:], 'loss'], align='r')
    shown.align['protocol'] = 'l'
    for name, result in results.items():
        interval = result['intervals']['mIoU']
        shown.add_row(
            [
                name,
                number(result['mIoU']),
                ' to '.join(map(number, interval)) if interval else '-',
                *(number(result[key]) for key in MEANS[1:]),
                number(result.get('loss'), 4),
            ]
        )
    return shown.get_string()


def compare_scores(results: dict[str, dict]) -> str:
    """A table with a row for each named result: the ``scores`` of all metrics."""
    names = list(dict.fromkeys(name for result in results.values() for name in result['scores']))
    shown = PrettyTable(['protocol', *names], align='r')
    shown.align['protocol'] = 'l'
    for protocol, result in results.items():
        shown.add_row([protocol, *(result['scores'].get(name, '-') for name in names)])
    return shown.get_string()
