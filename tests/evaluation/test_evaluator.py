"""Lists of metrics: every score arrives, whatever their order and names."""

from itertools import permutations

import pytest
from mmengine.evaluator import BaseMetric
from mmengine.evaluator import Evaluator as MMEngineEvaluator
from mmseg.evaluation import DepthMetric, IoUMetric
from test_metric import IMAGES, NAMES, sample

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.evaluator import (
    Evaluator,
    as_evaluation,
    collision,
    line,
    metric_configs,
    seg_metric_configs,
)
from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.evaluation.result import Evaluation
from mmdeeplab.evaluation.scores import compare_scores

META = dict(classes=NAMES)


class Toy(BaseMetric):
    """A user's own."""

    def __init__(self, value: object = 1.0, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.value = value

    def process(self, data_batch: object, data_samples: object) -> None:
        self.results.append(self.value)

    def compute_metrics(self, results: list) -> dict:
        if self.value == 'broken':
            raise ZeroDivisionError('no such thing')
        return dict(toy=results[0])


def make() -> dict[str, BaseMetric]:
    return dict(
        seg=SegMetric(resamples=10),
        iou=IoUMetric(iou_metrics=['mIoU', 'mDice', 'mFscore'], prefix='mmseg'),
        toy=Toy(float('nan')),
    )


def run(evaluator: Evaluator) -> Evaluation:
    evaluator.dataset_meta = META
    for i in range(IMAGES):
        evaluator.process([sample(i)], {})
    return evaluator.evaluate(IMAGES)


@pytest.mark.parametrize('order', [*permutations(['seg', 'iou', 'toy']), ['iou'], ['toy'], ['seg']])
def test_every_score_arrives_in_any_order(order: list[str]) -> None:
    evaluator = Evaluator([make()[name] for name in order])
    scores = run(evaluator)
    result = scores.as_dict()
    assert not scores.collisions
    assert ('mIoU' in result) == ('seg' in order)
    assert ('scores' in result) == (order != ['seg'])
    if 'iou' in order:
        assert {'mmseg/mIoU', 'mmseg/mDice', 'mmseg/mFscore'} <= set(result['scores'])
        assert 0 < result['scores']['mmseg/mDice'] < 100
        assert 'mmseg/mDice' in line(result['scores'])
    if 'toy' in order:
        assert result['scores']['toy'] is None
    if {'seg', 'iou'} <= set(order):
        # mmseg's files have no image twice, ours neither
        assert result['aAcc'] == pytest.approx(float(scores['mmseg/aAcc']), abs=0.01)


@pytest.mark.parametrize('others', [[], [Toy(2.0)]])
def test_another_evaluator_hands_on_numbers_alone_and_loses_nothing(others: list[Toy]) -> None:
    evaluators = [
        kind([SegMetric(resamples=10), *others]) for kind in (Evaluator, MMEngineEvaluator)
    ]
    own, theirs = (as_evaluation(e, run(e)) for e in evaluators)
    assert own.as_dict() == theirs.as_dict()
    assert own.result is not None
    assert ('scores' in own.as_dict()) == bool(others)
    assert as_evaluation(evaluators[0], own) is own
    nothing = MMEngineEvaluator([Toy(2.0)])
    assert as_evaluation(nothing, run(nothing)).as_dict() == dict(scores=dict(toy=2))


def test_metrics_that_share_a_name_lose_nothing() -> None:
    evaluator = Evaluator([Toy(1.0), Toy(2.0), Toy(3.0), Toy(4.0, prefix='own')])
    scores = run(evaluator)
    assert scores == {'toy': 1, 'Toy/toy': 2, 'Toy/Toy/toy': 3, 'own/toy': 4}
    assert 'several metrics give toy: set a prefix' in collision(scores.collisions)


def test_a_metric_that_fails_is_named_after_the_others(caplog: pytest.LogCaptureFixture) -> None:
    evaluator = Evaluator([Toy('broken'), Toy(2.5)])
    with pytest.raises(UserError, match='Toy failed: ZeroDivisionError: no such thing'):
        run(evaluator)


def test_depths_are_not_classes() -> None:
    with pytest.raises(UserError, match='DepthMetric scores depths'):
        Evaluator([DepthMetric()])


OURS, THEIRS = dict(type='mmdeeplab.SegMetric'), dict(type='IoUMetric')


@pytest.mark.parametrize(
    ('evaluator', 'count', 'own'),
    [
        (OURS, 1, 1),
        (THEIRS, 1, 0),
        ([THEIRS, OURS], 2, 1),
        ((OURS, THEIRS, OURS), 3, 2),
        (dict(type='Evaluator', metrics=[THEIRS, OURS]), 2, 1),
        (dict(metrics=THEIRS), 1, 0),
        (dict(type=SegMetric), 1, 1),
        (dict(type='my.OtherSegMetric'), 1, 0),
        (None, 0, 0),
    ],
)
def test_metrics_are_found_however_they_are_written(
    evaluator: object, count: int, own: int
) -> None:
    assert len(metric_configs(evaluator)) == count
    assert len(seg_metric_configs(evaluator)) == own


def test_protocols_without_our_metric_make_a_table() -> None:
    text = compare_scores({'a': dict(scores=dict(mDice=50.0)), 'b': dict(scores=dict(other=1))})
    assert ' 50.0 |' in text
