"""The teacher's labels, its update, the student's loss by formulas; a resumed run's bits."""

import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from few_labels_runs import (
    LOAD,
    VIEWS,
    Look,
    Seen,
    data,
    draw,
    network,
    page_config,
    runner_of,
    try_config,
)
from mmengine.hooks import Hook
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from robustness.tiny import in_child, warm
from torch import Tensor

from mmdeeplab.datasets.image_io import read_image
from mmdeeplab.engine.teachers.mean_teacher import MeanTeacherHook, cutmix, draw_box
from mmdeeplab.errors import UserError
from mmdeeplab.inference.build import load_segmentor
from mmdeeplab.label_counts import IGNORE_INDEX

TEACHER = dict(type='mmdeeplab.MeanTeacherHook', threshold=0.8)


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp('few') / 'data')


def hook_of(runner: Runner) -> MeanTeacherHook:
    (found,) = [hook for hook in runner.hooks if isinstance(hook, MeanTeacherHook)]
    return found


def scores(model: Any, weights: dict, images: list[Tensor], training: bool) -> np.ndarray:
    """Softmax (N, classes, 33, 33) in float64, by the networks' plain pieces."""
    model = deepcopy(model).double().train(training)
    model.load_state_dict(weights)
    model.decode_head.dropout = None
    batch = torch.zeros(len(images), 3, 33, 33, dtype=torch.float64)
    for out, image in zip(batch, images, strict=True):
        _, height, width = image.shape
        out[:, :height, :width] = image.flip(0) / 127.5 - 1
    with torch.no_grad():
        logits = model.decode_head(model.extract_feat(batch))
        logits = torch.nn.functional.interpolate(logits, (33, 33), mode='bilinear')
    return logits.softmax(1).numpy()


def test_labels_are_those_of_the_teacher_where_it_is_sure(root: Path, tmp_path: Path) -> None:
    look = Look()
    runner = runner_of(root, tmp_path, [TEACHER | dict(cutmix=0.0)], 1, watch=[look])
    seen: list[Tensor] = []

    class LookBefore(Hook):
        priority = 'HIGH'

        def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
            seen.extend(s.weak_view.data for s in data_batch['data_samples'][1::2])

    runner.register_hook(LookBefore())
    runner.train()
    (batch,) = look.batches
    assert len(seen) == 2
    found = scores(runner.model, look.weights[0], seen, training=False)
    labels = [s.gt_sem_seg.data[0].numpy() for s in batch['data_samples'][1::2]]
    for probabilities, label, weak in zip(found, labels, seen, strict=True):
        probabilities = probabilities[:, : weak.shape[1], : weak.shape[2]]
        largest = probabilities.max(0)
        wanted = np.where(largest < 0.8, IGNORE_INDEX, probabilities.argmax(0))
        first, second = np.sort(probabilities, 0)[-2:][::-1]
        clear = (abs(largest - 0.8) > 1e-5) & (first - second > 1e-5)
        assert clear.mean() > 0.9
        np.testing.assert_array_equal(label[clear], wanted[clear])
    shares = np.concatenate([label.ravel() != IGNORE_INDEX for label in labels])
    assert 0.02 < shares.mean() < 0.98
    logged = runner.message_hub.get_scalar('train/confident').current()
    assert logged == pytest.approx(shares.mean())


def test_the_loss_is_cross_entropy_on_strong_views_and_masks(root: Path, tmp_path: Path) -> None:
    look = Look()
    model = network()
    model['decode_head']['dropout_ratio'] = 0
    runner = runner_of(root, tmp_path, [TEACHER], 1, watch=[look], model=model)
    initial = deepcopy(runner.model)
    runner.train()
    (batch,), (weights,) = look.batches, look.weights
    samples = batch['data_samples']
    data = deepcopy(initial).data_preprocessor(deepcopy(batch), True)
    net = initial.double().train()
    net.load_state_dict(weights)
    with torch.no_grad():
        logits = net.decode_head(net.extract_feat(data['inputs'].double()))
        logits = torch.nn.functional.interpolate(logits, (33, 33), mode='bilinear')
    log_p = logits.log_softmax(1).numpy()
    terms = []
    for log, sample in zip(log_p, samples, strict=True):
        label = sample.gt_sem_seg.data[0].numpy()
        left = 33 - label.shape[1] if sample.flip else 0
        rows, columns = np.nonzero(label != IGNORE_INDEX)
        terms.append(-log[label[rows, columns], rows, columns + left])
    assert all(map(len, terms))
    found = runner.message_hub.get_scalar('train/loss').current()
    assert found == pytest.approx(np.concatenate(terms).mean(), rel=1e-4)


@pytest.mark.parametrize(
    ('options', 'shares'),
    [
        (dict(momentum=0.3), [1 / 2, 1 / 3, 0.3]),
        (dict(ema_type='ExponentialMovingAverage', momentum=0.1), [0.1] * 3),
    ],
)
def test_the_teacher_is_the_average(
    root: Path, tmp_path: Path, options: dict, shares: list[float]
) -> None:
    teachers: list[dict] = []

    class LookAtBoth(Look):
        def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
            super().before_train_iter(runner, *args, **kwargs)
            teacher = hook_of(runner).ema_model.module
            teachers.append({k: v.clone() for k, v in teacher.state_dict().items()})

    look = LookAtBoth()
    runner_of(root, tmp_path, [TEACHER | options], 5, watch=[look]).train()
    for key, value in look.weights[1].items():
        if not value.is_floating_point():
            continue
        average = value.double()
        assert torch.equal(teachers[0][key], look.weights[0][key])  # both begin alike
        for share, student, teacher in zip(shares, look.weights[2:], teachers[2:], strict=True):
            average = (1 - share) * average + share * student[key].double()
            torch.testing.assert_close(teacher[key].double(), average, rtol=1e-4, atol=1e-5)


def test_a_resumed_run_is_the_same(root: Path, tmp_path: Path) -> None:
    whole, part = Seen(), Seen()
    runner_of(root, tmp_path / 'a', [TEACHER], 6, watch=[whole]).train()
    warm()

    def stopped() -> None:
        runner_of(root, tmp_path / 'b', [TEACHER], 6, 2, watch=[Seen(3)]).train()

    assert in_child(stopped) == 143
    runner_of(root, tmp_path / 'b', [TEACHER], 6, watch=[part], resume=True).train()
    assert part.steps == {step: whole.steps[step] for step in (5, 6)}  # it left after step 4


def test_the_checkpoint_is_the_teacher_and_fits_the_plain_network(
    root: Path, tmp_path: Path
) -> None:
    runner = runner_of(root, tmp_path, [TEACHER], 3)
    runner.train()
    (path,) = tmp_path.glob('*.safetensors')
    model, checkpoint = load_segmentor(runner.cfg, path)
    teacher = hook_of(runner).ema_model.module.state_dict()
    assert all(torch.equal(value, teacher[key]) for key, value in model.state_dict().items())
    student = runner.model.state_dict()
    kept = checkpoint['ema_state_dict']
    assert all(torch.equal(value, kept[f'module.{key}']) for key, value in student.items())
    assert not all(torch.equal(value, teacher[key]) for key, value in student.items())


def test_cutmix_puts_a_box_of_the_next_image_and_its_labels() -> None:
    images = [torch.full((3, 20, 30), i) for i in range(3)]
    images[1] = images[1][:, :16, :24]
    labels = [image[:1] for image in images]
    for chance, boxes in ((1.0, 3), (0.0, 0)):
        mixed = cutmix(images, labels, chance, random.Random(0))
        assert sum(len(image.unique()) == 2 for image, _ in mixed) == boxes
        for i, (image, label) in enumerate(mixed):
            assert torch.equal(image[:1], label)
            assert set(image.unique().tolist()) <= {i, (i + 1) % 3}
            assert image.shape == images[i].shape
    (alone,) = cutmix(images[:1], labels[:1], 1.0, random.Random(0))
    assert torch.equal(alone[0], images[0])
    draw = random.Random(0)
    for _ in range(200):
        rows, columns = draw_box(40, 60, draw)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        assert 0 <= rows.start <= rows.stop <= 40
        assert 0 <= columns.start <= columns.stop <= 60
        assert height * width <= 0.42 * 40 * 60


def test_the_weak_view_is_the_image_and_the_strong_one_is_not(root: Path) -> None:
    dataset = DATASETS.build(data(root, 'unlabelled', pipeline=[LOAD, VIEWS]))
    np.random.seed(0)
    changed = 0
    for i in range(len(dataset)):
        sample = dataset[i]
        path = sample['data_samples'].img_path
        weak = sample['data_samples'].weak_view.data.numpy().transpose(1, 2, 0)
        np.testing.assert_array_equal(weak, read_image(path))
        changed += not torch.equal(sample['inputs'], sample['data_samples'].weak_view.data)
        assert 'gt_sem_seg' not in sample['data_samples']
    assert changed


@pytest.mark.parametrize('options', [dict(threshold=1.0), dict(threshold=-0.1), dict(cutmix=2)])
def test_an_argument_out_of_its_range_is_refused(options: dict) -> None:
    with pytest.raises(UserError, match='0 <= threshold < 1 and 0 <= cutmix <= 1'):
        MeanTeacherHook(**options)


@pytest.mark.parametrize(
    ('hooks', 'options', 'words'),
    [
        ([], {}, 'images without masks .* which nothing labels'),
        (
            [TEACHER, dict(type='EMAHook')],
            {},
            'MeanTeacherHook .*: keep one',
        ),
        ([TEACHER], dict(shares=(1, 0.5)), 'one whole number above 0 for each data set'),
        ([TEACHER], dict(shares=(1,)), 'there are 2'),
    ],
)
def test_what_cannot_be_is_refused(
    root: Path, tmp_path: Path, hooks: list, options: dict, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        runner_of(root, tmp_path, hooks, **options).train()


def test_a_teacher_without_images_to_label_is_refused(root: Path, tmp_path: Path) -> None:
    loader = dict(
        batch_size=2, dataset=data(root, 'labelled'),
        sampler=dict(type='mmdeeplab.ResumableSampler'),
    )  # fmt: skip
    with pytest.raises(UserError, match='no data set of train_dataloader has mask_dir=None'):
        runner_of(root, tmp_path, [TEACHER], train_dataloader=loader).train()


@pytest.mark.slow
def test_the_config_of_the_page(root: Path, tmp_path: Path) -> None:
    lists = 'train_dataloader.dataset.datasets'
    crops = [f'{lists}.{i}.pipeline.{2 - i}.crop_size=(33,33)' for i in (0, 1)]
    try_config(page_config(0), root, tmp_path, *crops, 'train_dataloader.batch_size=3')
