"""Evaluate by several metrics without losing the scores of any."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.evaluator import Evaluator as MMEngineEvaluator
from mmengine.logging import MMLogger

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.evaluation.result import Evaluation
from mmdeeplab.registry import is_ours

# Metrics of mmseg's for networks that do not give classes.
OTHER_OUTPUTS = {'DepthMetric': 'depths'}


class Evaluator(MMEngineEvaluator):
    """MMEngine's Evaluator, which keeps all scores if metrics share a name or one of them fails.

    Args:
        metrics: Metrics, or their configs.

    Raises:
        UserError: A metric scores something else than classes.
    """

    def __init__(self, metrics: dict | BaseMetric | Sequence) -> None:
        super().__init__(metrics)
        for metric in self.metrics:
            if (name := type(metric).__name__) in OTHER_OUTPUTS:
                raise UserError(
                    f'{name} scores {OTHER_OUTPUTS[name]}, and this network gives classes: take '
                    'mmdeeplab.SegMetric or IoUMetric'
                )

    def evaluate(self, size: int) -> Evaluation:
        """All scores of all metrics, with the result of the first metric that is ours.

        Args:
            size: Number of images in the data set.

        Raises:
            UserError: A metric failed; the scores of the others are in the log.
        """
        scores = Evaluation()
        scores.others = len(self.metrics) > 1
        failed: list[tuple[str, Exception]] = []
        for metric in self.metrics:
            name = type(metric).__name__
            try:
                metric_scores = metric.evaluate(size)
            except Exception as error:
                failed.append((name, error))
                continue
            if scores.result is None and isinstance(metric_scores, Evaluation):
                scores.result = metric_scores.result
            for key, value in metric_scores.items():
                if key in scores:
                    scores.collisions += (key,)
                while key in scores:
                    key = f'{name}/{key}'
                scores[key] = value
        if failed:
            self._fail(scores, *failed[0])
        return scores

    def _fail(self, scores: dict[str, Any], name: str, error: Exception) -> None:
        if scores:
            MMLogger.get_current_instance().warning(f'scores of the other metrics: {line(scores)}')
        if isinstance(error, UserError):
            raise error
        raise UserError(f'{name} failed: {type(error).__name__}: {error}') from error


def collision(names: Sequence[str]) -> str:
    """The sentence about names of scores that several metrics share."""
    return (
        f'several metrics give {", ".join(dict.fromkeys(names))}: set a prefix in all but one of '
        "them, e.g. dict(type='IoUMetric', prefix='mmseg')"
    )


def line(scores: dict[str, Any]) -> str:
    """Scores in one line."""
    return ', '.join(
        f'{key} {value:.4g}' if isinstance(value, Real) else f'{key} {value}'
        for key, value in scores.items()
    )


def as_evaluation(evaluator: MMEngineEvaluator, scores: dict[str, Any]) -> Evaluation:
    """The scores of an evaluator as an :class:`Evaluation`, even if the evaluator is not ours.

    Args:
        evaluator: The evaluator after the evaluation.
        scores: The scores that it returned.
    """
    if isinstance(scores, Evaluation):
        return scores
    evaluation = Evaluation(scores)
    results = [metric.result for metric in evaluator.metrics if isinstance(metric, SegMetric)]
    evaluation.result = results[0] if results else None
    evaluation.others = len(evaluator.metrics) > 1
    return evaluation


def metric_configs(evaluator: Any) -> list[dict]:
    """The configs of the metrics in ``val_evaluator`` or ``test_evaluator``, in any form."""
    if isinstance(evaluator, dict) and 'metrics' in evaluator:
        return metric_configs(evaluator['metrics'])
    if isinstance(evaluator, dict):
        return [evaluator]
    return [item for item in evaluator or [] if isinstance(item, dict)]


def seg_metric_configs(evaluator: Any) -> list[dict]:
    """The configs of our metric in ``val_evaluator`` or ``test_evaluator``."""
    return [m for m in metric_configs(evaluator) if is_ours(m.get('type'), SegMetric.__name__)]
