"""The parity check: how far a converted network differs from the plain one, and may differ."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mmdeeplab.evaluation.confusion import confusion_matrix
from mmdeeplab.evaluation.scores import scores

Masks = Sequence[tuple[str, Tensor | None]]


class Tolerance(NamedTuple):
    """By how much a converted network may differ from the plain one; None is no limit.

    Attributes:
        drop: Largest loss of mIoU, in points.
        agreement: Least share of pixels with equal labels, 0 to 1.
        difference: Largest difference of a score, as a fraction of the largest score.
    """

    drop: float
    agreement: float
    difference: float | None


TOLERANCES = {
    'float': Tolerance(0.1, 0.999, 1e-3),
    'half': Tolerance(0.5, 0.99, 0.1),
    'bf16': Tolerance(0.5, 0.98, 0.25),  # three bits fewer than half
    'int8': Tolerance(1.0, 0.95, None),
}


@dataclass
class ParityReport:
    """The result of the parity check; it is passed if ``faults`` is empty.

    ``before`` and ``after`` are mIoU in percent, None without masks. ``difference`` is None if the
    converted network gives labels only. Times are medians in milliseconds per picture.
    """

    images: int
    before: float | None
    after: float | None
    agreement: float
    difference: float | None
    largest: float
    times: tuple[float, float] = (0.0, 0.0)
    faults: list[str] = field(default_factory=list)


def compare(
    plain: Sequence[Tensor],
    converted: Sequence[Tensor],
    masks: Masks,
    classes: int,
    tolerance: Tolerance,
    **figures: Any,
) -> ParityReport:
    """Compare the labels (H, W) that two networks give for the same pictures.

    Args:
        plain: Labels of the plain network.
        converted: Labels of the converted one.
        masks: Names and masks of the first pictures; a mask may lack columns and rows of padding.
            The other pictures do not count for the mIoU.
        classes: Number of classes.
        tolerance: What is no fault.
        figures: ``difference`` and what else a report has.

    Raises:
        UserError: A mask has ids that are no class.
    """
    equal = sum(int((a == b).sum()) for a, b in zip(plain, converted, strict=True))
    report = ParityReport(
        len(masks),
        before=_miou(plain, masks, classes),
        after=_miou(converted, masks, classes),
        agreement=equal / sum(labels.numel() for labels in plain),
        **figures,
    )
    report.faults = faults(report, tolerance)
    return report


def score_gap(plain: Tensor, converted: Tensor) -> float:
    """The largest difference of two scores; Inf if one is NaN."""
    gap = float((converted - plain).abs().max())
    return gap if gap == gap else float('inf')


def _miou(labels: Sequence[Tensor], masks: Masks, classes: int) -> float | None:
    """mIoU in percent; None if a mask is missing."""
    total = torch.zeros(classes, classes, dtype=torch.int64)
    for predicted, (name, mask) in zip(labels, masks, strict=False):
        if mask is None:
            return None
        shown = predicted[: mask.shape[0], : mask.shape[1]]
        total += confusion_matrix(shown, mask, classes, name=name)
    return scores(total.numpy(), [str(i) for i in range(classes)])['mIoU']


def faults(report: ParityReport, tolerance: Tolerance) -> list[str]:
    """Sentences about the differences in a report that exceed the tolerance."""
    sentences = []
    if report.before is not None and report.after is not None:
        drop = report.before - report.after
        if not drop <= tolerance.drop:
            sentences.append(f'mIoU falls by {drop:.2f}, more than {tolerance.drop:g} (--max-drop)')
    if not report.agreement >= tolerance.agreement:
        sentences.append(
            f'{report.agreement:.3%} of the labels agree, fewer than {tolerance.agreement:g} '
            '(--min-agreement)'
        )
    if report.difference is not None and tolerance.difference is not None:
        ratio = report.difference / max(report.largest, 1e-30)
        if not ratio <= tolerance.difference:
            sentences.append(
                f'scores differ by up to {ratio:.2g} of the largest, more than '
                f'{tolerance.difference:g} (--max-difference)'
            )
    return sentences


def describe(report: ParityReport, runtime: str) -> str:
    """The figures of a parity check as lines of text."""

    def points(value: float | None) -> str:
        return 'unknown, no masks' if value is None else f'{value:.2f}'

    difference = (
        'not told by labels'
        if report.difference is None
        else f'{report.difference:.3g} (the largest logit is {report.largest:.3g})'
    )
    return '\n'.join(
        [
            f'on {report.images} picture{"s" * (report.images > 1)}, PyTorch -> {runtime}:',
            f'  mIoU                      {points(report.before)} -> {points(report.after)}',
            f'  labels that agree         {report.agreement:.4%}',
            f'  largest logit difference  {difference}',
            f'  median time, one picture  {report.times[0]:.0f} -> {report.times[1]:.0f} ms',
        ]
    )
