"""The confusion matrix and its scores against NumPy and by hand."""

import numpy as np
import pytest
import torch

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.confusion import confusion_matrix, scores, table

NAMES = ('sky', 'road', 'car')


def reference(prediction: np.ndarray, label: np.ndarray, classes: int) -> np.ndarray:
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (label[label != 255], prediction[label != 255]), 1)
    return matrix


@pytest.mark.parametrize('classes', [2, 21, 150])
def test_equals_numpy(classes: int) -> None:
    rng = np.random.default_rng(classes)
    prediction = rng.integers(0, classes, (37, 53))
    label = rng.integers(0, classes, (37, 53)).astype(np.uint8)
    label[rng.random(label.shape) < 0.2] = 255
    ours = confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(label), classes)
    assert ours.dtype == torch.int64
    np.testing.assert_array_equal(ours.numpy(), reference(prediction, label, classes))


def test_counts_beyond_the_range_of_float32() -> None:
    side = 4200  # 17,640,000 > 2**24 = 16,777,216 pixels of one class
    label = torch.zeros(side, side, dtype=torch.uint8)
    prediction = torch.zeros(side, side, dtype=torch.uint8)
    prediction[0, :3] = 1
    matrix = confusion_matrix(prediction, label, 2)
    assert matrix.tolist() == [[side * side - 3, 3], [0, 0]]


@pytest.mark.parametrize('value', [3, 100, 254])
def test_a_label_outside_the_classes_is_an_error(value: int) -> None:
    label = torch.tensor([[0, value]], dtype=torch.uint8)
    with pytest.raises(UserError, match=rf'label {value} of dir/a\.png .*3 classes'):
        confusion_matrix(torch.zeros(1, 2), label, 3, name='dir/a.png')


def test_a_prediction_outside_the_classes_is_an_error() -> None:
    with pytest.raises(UserError, match='predicted class 7'):
        confusion_matrix(torch.tensor([[7]]), torch.tensor([[0]]), 3)


def test_sizes_must_agree() -> None:
    with pytest.raises(UserError, match='differ in size'):
        confusion_matrix(torch.zeros(2, 3), torch.zeros(3, 2), 3)


def test_scores_by_hand() -> None:
    matrix = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    result = scores(matrix, NAMES)
    assert result['per_class']['sky'] == dict(IoU=100 * 6 / 9, Acc=75.0)
    assert result['per_class']['road'] == dict(IoU=50.0, Acc=75.0)
    assert result['per_class']['car'] == dict(IoU=None, Acc=None)
    assert result['mIoU'] == pytest.approx((100 * 6 / 9 + 50) / 2)
    assert result['mAcc'] == 75.0
    assert result['aAcc'] == 75.0
    assert result['absent'] == ['car']


def test_an_absent_class_that_is_predicted_counts_as_zero() -> None:
    result = scores(np.array([[6, 2, 1], [1, 3, 0], [0, 0, 0]]), NAMES)
    assert result['per_class']['car'] == dict(IoU=0.0, Acc=None)


def test_the_table_names_every_class_and_the_absent() -> None:
    text = table(scores(np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]), NAMES))
    assert all(name in text for name in NAMES)
    assert '58.33' in text
    assert 'not in the labels: car' in text
