"""The confusion matrix against NumPy."""

import numpy as np
import pytest
import torch

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation import confusion
from mmdeeplab.evaluation.confusion import confusion_matrix, matrix_of, pair_counts


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


@pytest.mark.parametrize('void', [255, 0, 3, -1, 1000])
@pytest.mark.parametrize('kinds', [(np.uint8, np.uint8), (np.int64, np.uint8), (np.int64,) * 2])
def test_by_bytes_and_by_sorting_are_equal(kinds: tuple, void: int) -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 5, (2, 23, 34))
    prediction, label = (array.astype(kind) for array, kind in zip(wide, kinds, strict=True))
    if 0 <= void < 256 or kinds[1] is np.int64:
        label[rng.random(label.shape) < 0.2] = void
    mask = label != void
    expected = np.zeros((5, 5), np.int64)
    np.add.at(expected, (label[mask], prediction[mask]), 1)
    tensors = torch.from_numpy(prediction)[:, ::2], torch.from_numpy(label)[:, ::2]
    half = np.zeros((5, 5), np.int64)
    np.add.at(half, (label[:, ::2][mask[:, ::2]], prediction[:, ::2][mask[:, ::2]]), 1)
    whole = confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(label), 5, void)
    np.testing.assert_array_equal(whole.numpy(), expected)
    np.testing.assert_array_equal(confusion_matrix(*tensors, 5, void).numpy(), half)


def areas(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and label in areas, with void, or as noise."""
    rng = np.random.default_rng(0)
    prediction = rng.integers(0, 5, (4, 3)).repeat(30, 0).repeat(40, 1)
    label = np.roll(prediction, 2, 1)
    if kind == 'noise':
        prediction, label = rng.integers(0, 5, (2, 120, 120))
    label[:, 60:65] = 255
    return prediction, label


@pytest.mark.parametrize('kind', ['areas', 'noise'])
@pytest.mark.parametrize(
    'types', [(np.uint8, np.uint8), (np.int64, np.uint8), (np.int16, np.int32)]
)
def test_runs_the_histogram_and_sorting_are_equal(types: tuple, kind: str) -> None:
    prediction, label = (map_.astype(t) for map_, t in zip(areas(kind), types, strict=True))
    assert (confusion._runs(label, prediction) is None) == (kind == 'noise')
    tensors = torch.from_numpy(prediction), torch.from_numpy(label)
    expected = reference(prediction, label, 5)
    for maps in (tensors, [x.float() for x in tensors], [x.T for x in tensors]):
        np.testing.assert_array_equal(confusion_matrix(*maps, 5).numpy(), expected)
    rows, columns, counts = confusion._histogram(label, prediction)
    keep = rows != 255
    found = np.zeros((5, 5), np.int64)
    np.add.at(found, (rows[keep], columns[keep]), counts[keep])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('kind', ['areas', 'noise'])
@pytest.mark.parametrize('value', [5, 254, -1, 261, 2**40 + 1])
def test_ids_outside_the_classes_are_found_wherever_they_are(kind: str, value: int) -> None:
    prediction, label = (torch.from_numpy(map_) for map_ in areas(kind))
    for wrong in (prediction, label):
        kept = int(wrong[7, 9])
        wrong[7, 9] = value
        with pytest.raises(UserError, match=rf'(label|class) {value} of'):
            confusion_matrix(prediction, label, 5)
        wrong[7, 9] = kept
    prediction[:, 61] = value  # void: nobody asks
    expected = reference(np.where(label == 255, 0, prediction), label.numpy(), 5)
    np.testing.assert_array_equal(confusion_matrix(prediction, label, 5).numpy(), expected)


def test_counting_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    prediction, label = rng.integers(0, 5, (2, 23, 17)).astype(np.uint8)
    monkeypatch.setattr(confusion, 'CHUNK', 40)  # two rows of 17
    ours = confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(label), 5)
    np.testing.assert_array_equal(ours.numpy(), reference(prediction, label, 5))


def test_many_classes_are_counted_without_bytes() -> None:
    ids = torch.arange(300).repeat_interleave(20).view(60, 100)
    matrix = confusion_matrix(ids, ids.flip(0), 300, -1)
    expected = np.zeros((300, 300), np.int64)
    np.add.at(expected, (ids.flip(0).numpy(), ids.numpy()), 1)
    np.testing.assert_array_equal(matrix.numpy(), expected)


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


@pytest.mark.parametrize('kind', [torch.uint8, torch.int64])
def test_counts_in_one_row_are_the_matrix(kind: torch.dtype) -> None:
    """What a GPU counts, void and strangers apart."""
    label = torch.randint(5, (31, 17)).masked_fill(torch.rand(31, 17) < 0.2, 255).to(kind)
    prediction = torch.randint(5, (31, 17)).to(kind)
    counts = pair_counts(prediction, label, 5)
    torch.testing.assert_close(counts[:25].view(5, 5), confusion_matrix(prediction, label, 5))
    assert counts[25] == (label == 255).sum()
    assert counts[26] == 0
    label[0, 0], label[0, 1], prediction[0, 1] = 9, 1, 7
    assert pair_counts(prediction, label, 5)[26] == 2
    with pytest.raises(UserError, match='label 9'):
        matrix_of(pair_counts(prediction, label, 5), prediction, label, 5, 255, '')
