"""The result of an evaluation: all numbers that were measured, and the scores for the log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from mmdeeplab.evaluation.extremes import Kept

INDENT = 2


@dataclass(frozen=True)
class EvaluationResult:
    """All results of :class:`~mmdeeplab.evaluation.metric.SegMetric`; scores are in percent.

    A score that does not exist is None.

    Attributes:
        means: ``mIoU``, ``mAcc``, ``aAcc`` and ``fwIoU``.
        per_class: For each class, by name: ``IoU``, ``Acc``, ``precision``, ``recall``, ``F1``,
            ``frequency``, and ``interval`` of the IoU.
        absent: Names of the classes without a labelled pixel.
        confusion: (C, C) numbers of pixels; rows are labels, columns predictions.
        num_images: Number of images.
        intervals: [low, high] of each mean; see :func:`mmdeeplab.evaluation.bootstrap.intervals`.
        per_image: :meth:`mmdeeplab.evaluation.per_image.ImageCounts.report`.
        loss: The mean cross entropy of all labelled pixels; None if predictions have no logits.
        trimap: The mIoU within each band around the borders, by its width; None if not measured.
        boundary_iou: ``mean``, ``ratio`` and ``per_class``; None if not measured.
        predictions: Predictions of the best and the worst images, by path.
    """

    means: Mapping[str, float | None]
    per_class: Mapping[str, dict]
    absent: list[str]
    confusion: list[list[int]]
    num_images: int
    intervals: Mapping[str, list[float] | None]
    per_image: list[dict]
    loss: float | None = None
    trimap: Mapping[str, float | None] | None = None
    boundary_iou: Mapping[str, Any] | None = None
    predictions: Mapping[str, Kept] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``metrics.json``, without predictions and what was not measured."""
        wanted = dict(
            **self.means,
            per_class=self.per_class,
            absent=self.absent,
            confusion=self.confusion,
            num_images=self.num_images,
            intervals=self.intervals,
            per_image=self.per_image,
        )
        optional = dict(loss=self.loss, trimap=self.trimap, boundary_iou=self.boundary_iou)
        return wanted | {key: value for key, value in optional.items() if value is not None}

    def logged(self, prefix: str | None = '') -> dict[str, float]:
        """The scores for the log: the means, and the loss as ``val/loss``; NaN for missing ones.

        Args:
            prefix: Prefix of each name, separated by a slash, unless it is empty.
        """
        numbers = dict(self.means)
        if self.loss is not None:
            numbers['val/loss'] = self.loss
        return {
            f'{prefix}/{key}' if prefix else key: float('nan') if value is None else value
            for key, value in numbers.items()
        }


class Evaluation(dict[str, Any]):
    """The scores of all metrics by their names in the log, with the result that they come from.

    MMEngine's loops pass it from the evaluator to the hooks and to the caller of ``runner.test()``.

    Attributes:
        result: The result of our metric; None if there is no such metric.
        others: Whether there are other metrics.
        collisions: Names that several metrics share. The first metric keeps the name; the others
            get the name of their class as prefix.
    """

    result: EvaluationResult | None = None
    others: bool = False
    collisions: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The contents of ``metrics.json``: the result, and ``scores`` of other metrics."""
        content = self.result.as_dict() if self.result else {}
        if self.result is None or self.others:
            content['scores'] = {key: plain(value) for key, value in self.items()}
        return content


def plain(value: Any) -> float | str | None:
    """A score for JSON, with None for NaN."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if isfinite(number) else None


def to_json(node: Any, depth: int = 0) -> str:
    """Plain data as indented JSON, with lists of numbers on one line."""
    margin = ' ' * INDENT * depth
    inner = margin + ' ' * INDENT
    if isinstance(node, Mapping) and node:
        rows = [f'{json.dumps(str(key))}: {to_json(node[key], depth + 1)}' for key in node]
        brackets = '{}'
    elif isinstance(node, (list, tuple)) and node:
        if not any(isinstance(item, (str, Mapping, list, tuple)) for item in node):
            return f'[ {", ".join(map(json.dumps, node))} ]'
        rows = [to_json(item, depth + 1) for item in node]
        brackets = '[]'
    else:
        return json.dumps(node)
    body = f',\n{inner}'.join(rows)
    return f'{brackets[0]}\n{inner}{body}\n{margin}{brackets[1]}'
