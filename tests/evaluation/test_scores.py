"""Scores of a confusion matrix by hand and against scikit-style definitions written out."""

import numpy as np
import pytest

from mmdeeplab.evaluation.scores import scores, table

NAMES = ('sky', 'road', 'car')
MATRIX = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
NOTHING = dict.fromkeys(('IoU', 'Acc', 'precision', 'recall', 'F1')) | dict(frequency=0.0)


def test_by_hand() -> None:
    result = scores(MATRIX, NAMES)
    assert result['per_class']['sky'] == dict(
        IoU=100 * 6 / 9, Acc=75.0, precision=100 * 6 / 7, recall=75.0, F1=80.0,
        frequency=100 * 8 / 12,
    )  # fmt: skip
    assert result['per_class']['road'] == dict(
        IoU=50.0, Acc=75.0, precision=60.0, recall=75.0, F1=100 * 6 / 9, frequency=100 * 4 / 12
    )
    assert result['per_class']['car'] == NOTHING
    assert result['mIoU'] == pytest.approx((100 * 6 / 9 + 50) / 2)
    assert result['mAcc'] == 75.0
    assert result['aAcc'] == 75.0
    assert result['fwIoU'] == pytest.approx((100 * 6 / 9 * 8 + 50 * 4) / 12)
    assert result['absent'] == ['car']
    assert result['confusion'] == MATRIX.tolist()


@pytest.mark.parametrize('seed', range(3))
def test_equals_the_definitions_pixel_by_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, guess = rng.integers(0, 3, (2, 400))
    matrix = np.zeros((3, 3), np.int64)
    np.add.at(matrix, (truth, guess), 1)
    result = scores(matrix, NAMES)
    for c, name in enumerate(NAMES):
        own, said = truth == c, guess == c
        row = result['per_class'][name]
        precision, recall = (own & said).sum() / said.sum(), (own & said).sum() / own.sum()
        assert row['IoU'] == pytest.approx(100 * (own & said).sum() / (own | said).sum())
        assert row['precision'] == pytest.approx(100 * precision)
        assert row['recall'] == row['Acc'] == pytest.approx(100 * recall)
        assert row['F1'] == pytest.approx(200 * precision * recall / (precision + recall))
        assert row['frequency'] == pytest.approx(100 * own.mean())
    assert result['aAcc'] == pytest.approx(100 * (truth == guess).mean())


def test_an_absent_class_that_is_predicted_counts_as_zero() -> None:
    result = scores(np.array([[6, 2, 1], [1, 3, 0], [0, 0, 0]]), NAMES)
    assert result['per_class']['car'] == NOTHING | dict(IoU=0.0, precision=0.0, F1=0.0)
    assert result['mIoU'] == pytest.approx((60 + 50) / 3)


def test_nothing_but_void_has_no_scores() -> None:
    result = scores(np.zeros((3, 3), np.int64), NAMES)
    assert [result[key] for key in ('mIoU', 'mAcc', 'aAcc')] == [None] * 3
    assert result['absent'] == list(NAMES)
    assert '-' in table(result)


def test_the_table_names_every_class_and_the_absent() -> None:
    text = table(scores(MATRIX, NAMES))
    assert all(name in text for name in NAMES)
    assert '58.33' in text
    assert 'not in the labels: car' in text
