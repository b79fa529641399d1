"""The metric over several processes against NumPy, to the last digit."""

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.metric import SegMetric

NAMES = tuple(f'class {i}' for i in range(6))
IMAGES = 13


def image(i: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (C, H, W) and label (H, W) of image ``i``; class 5 is nowhere labelled."""
    rng = np.random.default_rng(i)
    size = rng.integers(5, 30, 2)
    label = rng.integers(0, 5, size).astype(np.uint8)
    label[rng.random(size) < 0.1] = 255
    return rng.normal(size=(6, *size)).astype(np.float32), label


def sample(i: int) -> dict:
    logits, label = image(i)
    return dict(
        img_path=f'/data/JPEGImages/{i * 7 % IMAGES:03}.jpg',
        seg_map_path=f'/data/SegmentationClass/{i:03}.png',
        seg_logits=dict(data=torch.from_numpy(logits)),
        pred_sem_seg=dict(data=torch.from_numpy(logits).argmax(0, keepdim=True)),
        gt_sem_seg=dict(data=torch.from_numpy(label)[None]),
    )


def measure(indices: list[int], batch: int = 1, size: int = IMAGES) -> SegMetric:
    metric = SegMetric(trimap=(1, 3), boundary=True, resamples=50, examples=2)
    metric.dataset_meta = dict(classes=NAMES)
    for start in range(0, len(indices), batch):
        metric.process({}, [sample(i) for i in indices[start : start + batch]])
    metric.evaluate(size)
    return metric


def content(metric: SegMetric) -> dict:
    """Everything in the result, kept predictions included."""
    assert metric.result is not None
    kept = {path: kept.labels().tolist() for path, kept in metric.result.predictions.items()}
    return metric.result.as_dict() | dict(kept=kept)


def worker(rank: int, world: int, images: int, folder: str) -> None:
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=world
    )
    result = measure(list(range(rank, images, world)), batch=1 + rank, size=images)
    (Path(folder) / f'{rank}.json').write_text(json.dumps(content(result)))
    torch.distributed.destroy_process_group()


def over_ranks(world: int, images: int, folder: Path) -> list[dict]:
    """Every rank's result; batches of 1, 2, ... images."""
    context = multiprocessing.get_context('fork')
    processes = [
        context.Process(target=worker, args=(rank, world, images, str(folder)))
        for rank in range(world)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    return [json.loads((folder / f'{rank}.json').read_text()) for rank in range(world)]


@pytest.fixture(scope='module')
def alone() -> dict:
    return json.loads(json.dumps(content(measure(list(range(IMAGES))))))


@pytest.mark.parametrize('world', [1, 2, 3, 4])
def test_ranks_agree_to_the_last_digit(world: int, alone: dict, tmp_path: Path) -> None:
    assert over_ranks(world, IMAGES, tmp_path) == [alone] * world


def test_a_rank_without_an_image_takes_part(tmp_path: Path) -> None:
    results = over_ranks(3, 2, tmp_path)
    assert results[0]['num_images'] == 2
    assert results[0] == results[1] == results[2]


def test_equals_numpy_to_the_last_digit(alone: dict) -> None:
    matrix = np.zeros((6, 6), np.int64)
    loss = 0.0
    for i in range(IMAGES):
        logits, label = image(i)
        known = label != 255
        np.add.at(matrix, (label[known], logits.argmax(0)[known]), 1)
        picked = np.take_along_axis(logits, np.where(known, label, 0)[None].astype(int), 0)[0]
        normaliser = np.log(np.exp(logits.astype(np.float64)).sum(0))
        loss += float((normaliser - picked)[known].sum())
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    iou = 100 * matrix.diagonal() / union
    assert alone['confusion'] == matrix.tolist()
    assert [row['IoU'] for row in alone['per_class'].values()] == iou.tolist()
    assert alone['mIoU'] == iou.sum() / 6
    assert alone['aAcc'] == 100 * matrix.trace() / matrix.sum()
    assert alone['absent'] == ['class 5']
    assert alone['loss'] == pytest.approx(loss / matrix.sum(), rel=1e-6)


def test_every_image_is_named_in_order_and_adds_up(alone: dict) -> None:
    rows = alone['per_image']
    assert [row['id'] for row in rows] == [f'{i:03}' for i in range(IMAGES)]
    total = np.zeros((6, 3), np.int64)
    for row in rows:
        for c, counts in row['counts'].items():
            total[int(c)] += counts
    matrix = np.array(alone['confusion'])
    np.testing.assert_array_equal(total.T, [matrix.diagonal(), matrix.sum(1), matrix.sum(0)])


def test_intervals_hold_the_scores(alone: dict) -> None:
    low, high = alone['intervals']['mIoU']
    assert low < alone['mIoU'] < high
    for row in alone['per_class'].values():
        assert row['interval'][0] <= row['IoU'] <= row['interval'][1]


def test_the_loss_is_the_mean_over_labelled_pixels() -> None:
    metric = measure([3], size=1)
    logits, label = image(3)
    expected = F.cross_entropy(
        torch.from_numpy(logits)[None], torch.from_numpy(label)[None].long(), ignore_index=255
    )
    assert metric.result.loss == pytest.approx(float(expected), rel=1e-6)
    assert metric.result.logged()['val/loss'] == metric.result.loss


@pytest.mark.parametrize('switch', [dict(loss=False), dict()])
def test_without_the_switch_or_the_logits_there_is_no_loss(switch: dict) -> None:
    metric = SegMetric(**switch)
    metric.dataset_meta = dict(classes=NAMES)
    one = sample(0)
    if not switch:
        del one['seg_logits']
    metric.process({}, [one])
    assert 'val/loss' not in metric.evaluate(1)


def test_scores_that_are_not_numbers_are_refused_with_the_file() -> None:
    metric = SegMetric()
    metric.dataset_meta = dict(classes=NAMES)
    one = sample(0)
    one['seg_logits']['data'][:] = float('nan')
    with pytest.raises(UserError, match=r'JPEGImages/000\.jpg'):
        metric.process({}, [one])


def test_a_label_outside_the_classes_names_the_mask() -> None:
    metric = SegMetric()
    metric.dataset_meta = dict(classes=NAMES)
    one = sample(4)
    one['gt_sem_seg']['data'][0, 0, 0] = 100
    with pytest.raises(UserError, match=r'label 100 of /data/SegmentationClass/004\.png'):
        metric.process({}, [one])


def test_every_image_must_be_counted_once() -> None:
    with pytest.raises(UserError, match=r'3 images were evaluated, the data set has 4.*round_up'):
        measure([0, 1, 2], size=4)


def test_a_folder_may_have_a_name_that_is_no_text() -> None:
    metric = SegMetric(examples=1)
    metric.dataset_meta = dict(classes=NAMES)
    path = os.fsdecode(b'/caf\xe9/000.jpg')  # Latin-1
    metric.process({}, [sample(0) | dict(img_path=path)])
    result = metric.evaluate(1).result
    assert [row['id'] for row in result.per_image] == ['000']
    assert list(result.predictions) == [path]


def test_one_channel_is_two_classes() -> None:
    """As mmseg gives it: a float prediction, one probability; against a softmax of two logits."""
    results = []
    for channels in (1, 2):
        metric = SegMetric(trimap=(2,), boundary=True, resamples=10)
        metric.dataset_meta = dict(classes=('background', 'thing'))
        for i in range(3):
            one = sample(i)
            logit = torch.from_numpy(image(i)[0][:1])
            both = torch.cat([torch.zeros_like(logit), logit])
            label = torch.where(one['gt_sem_seg']['data'] < 255, one['gt_sem_seg']['data'] % 2, 255)
            one['gt_sem_seg'] = dict(data=label)
            one['seg_logits'] = dict(data=logit.sigmoid() if channels == 1 else both)
            found = (logit.sigmoid() > 0.5).to(logit) if channels == 1 else both.argmax(0)[None]
            one['pred_sem_seg'] = dict(data=found)
            metric.process({}, [one])
        metric.evaluate(3)
        results.append(metric.result.as_dict())
    one, two = (result.pop('loss') for result in results)
    assert results[0] == results[1]
    assert one == pytest.approx(two, rel=1e-5)
    assert one > 0


def test_labels_may_be_floats() -> None:
    one, other = measure([0], size=1), SegMetric(trimap=(1, 3), boundary=True, resamples=50)
    floats = sample(0)
    floats['gt_sem_seg']['data'] = floats['gt_sem_seg']['data'].float()
    other.dataset_meta = dict(classes=NAMES)
    other.process({}, [floats])
    other.evaluate(1)
    assert other.result is not None
    assert other.result.as_dict() == one.result.as_dict()


def test_two_classes_of_one_name_both_have_a_score() -> None:
    names = ('class 0', 'other', 'class 2', 'other', *NAMES[4:])
    metric, plain = SegMetric(resamples=50), measure([0], size=1)
    metric.dataset_meta = dict(classes=names)
    metric.process({}, [sample(0)])
    metric.evaluate(1)
    assert metric.result is not None
    assert list(metric.result.per_class)[:4] == ['class 0', 'other (1)', 'class 2', 'other (3)']
    assert [*metric.result.per_class.values()] == [*plain.result.per_class.values()]


@pytest.mark.parametrize('prefix', [None, 'mine', 'a/b'])
@pytest.mark.parametrize('mode', ['val', 'test'])
def test_the_loss_of_the_evaluation_before_is_out_of_the_log(mode: str, prefix: str | None) -> None:
    hub = MessageHub.get_current_instance()
    metric = SegMetric(resamples=2, prefix=prefix)
    metric.dataset_meta = dict(classes=NAMES)
    for i in range(2):
        metric.process({}, [sample(i)])
        scores = metric.evaluate(1)
        for name, value in scores.items():  # as MMEngine's RuntimeInfoHook does
            hub.update_scalar(f'{mode}/{name}', value)
    name = f'{prefix}/val/loss' if prefix else 'val/loss'
    logged = hub.get_scalar(f'{mode}/{name}').mean(10)  # as its LogProcessor does
    assert logged == pytest.approx(scores[name])
