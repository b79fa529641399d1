"""Distillation: the loss by its formula, a teacher that nobody saves, resuming, errors."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from few_labels_runs import (
    Look,
    Seen,
    data,
    draw,
    network,
    page_config,
    runner_of,
    try_config,
)
from mmengine.config import Config
from mmengine.runner import Runner
from robustness.tiny import in_child, warm

from mmdeeplab.engine.teachers.distillation import DistillationHook
from mmdeeplab.errors import UserError
from mmdeeplab.inference.build import load_segmentor

TEMPERATURE, WEIGHT = 3.0, 0.7


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn images, and the config of a teacher that sees half as bright images as the student."""
    root = draw(tmp_path_factory.mktemp('few') / 'data')
    model = network()
    model['data_preprocessor'] |= dict(mean=[100.0] * 3, std=[200.0] * 3)
    Config(dict(model=model, default_scope='mmseg')).dump(root / 'teacher.py')
    return root


def hook(root: Path, **options: object) -> dict:
    return dict(
        type='mmdeeplab.DistillationHook', teacher=str(root / 'teacher.py'),
        checkpoint=str(root / 'random.pth'), temperature=TEMPERATURE, weight=WEIGHT,
    ) | options  # fmt: skip


def run(root: Path, folder: Path, *hooks: dict, **options: object) -> Runner:
    loader = dict(
        batch_size=4, num_workers=options.pop('workers', 0), dataset=data(root, 'labelled'),
        sampler=dict(type='mmdeeplab.ResumableSampler'),
    )  # fmt: skip
    return runner_of(root, folder, hooks or [hook(root)], train_dataloader=loader, **options)


def test_the_loss_is_its_formula(root: Path, tmp_path: Path) -> None:
    look, model = Look(), network()
    model['decode_head']['dropout_ratio'] = 0
    runner = run(root, tmp_path, iters=1, watch=[look], model=model)
    initial = deepcopy(runner.model)
    runner.train()
    (batch,), (weights,) = look.batches, look.weights
    student = initial.double().train()
    student.load_state_dict(weights)
    teacher, _ = load_segmentor(Config.fromfile(root / 'teacher.py'), root / 'random.pth', 'cpu')
    teacher.double()
    total, pixels = 0.0, 0
    inputs = torch.zeros(4, 3, 33, 33, dtype=torch.float64)
    places = []
    for place, image, sample in zip(inputs, batch['inputs'], batch['data_samples'], strict=True):
        _, height, width = image.shape
        left = 33 - width if sample.flip else 0
        place[:, :height, left : left + width] = image.flip(0) / 127.5 - 1
        places.append((slice(height), slice(left, left + width)))
    with torch.no_grad():
        logits = student.decode_head(student.extract_feat(inputs))
        logits = torch.nn.functional.interpolate(logits, (33, 33), mode='bilinear')
        for image, own, (rows, columns) in zip(batch['inputs'], logits, places, strict=True):
            _, height, width = image.shape
            seen = torch.zeros(1, 3, 33, 33, dtype=torch.float64)
            seen[0, :, :height, :width] = (image.flip(0).double() - 100) / 200
            found = teacher.decode_head(teacher.extract_feat(seen))
            found = torch.nn.functional.interpolate(found, (33, 33), mode='bilinear')
            p = softmax(found[0, :, :height, :width].numpy() / TEMPERATURE)
            q = softmax(own[:, rows, columns].numpy() / TEMPERATURE)
            total += (p * np.log(p / q)).sum()
            pixels += height * width
    wanted = WEIGHT * TEMPERATURE**2 * total / pixels
    logged = {k: runner.message_hub.get_scalar(f'train/{k}').current() for k in KEYS}
    assert wanted > 1e-3
    assert logged['decode.loss_distill'] == pytest.approx(wanted, rel=1e-4)
    assert logged['loss'] == pytest.approx(sum(logged[k] for k in KEYS[1:]), rel=1e-6)


KEYS = ('loss', 'decode.loss_ce', 'decode.loss_distill')


def softmax(scores: np.ndarray) -> np.ndarray:
    exponents = np.exp(scores - scores.max(0))
    return exponents / exponents.sum(0)


def test_the_teacher_stays_as_it_is_and_is_not_saved(root: Path, tmp_path: Path) -> None:
    runner = run(root, tmp_path, iters=2)
    runner.train()
    (found,) = [hook for hook in runner.hooks if isinstance(hook, DistillationHook)]
    assert found.teacher is not None
    assert not any(module.training for module in found.teacher.modules())
    stored = torch.load(root / 'random.pth', weights_only=True)['state_dict']
    assert all(torch.equal(v, stored[k]) for k, v in found.teacher.state_dict().items())
    assert not any(torch.equal(v, stored[k]) for k, v in runner.model.named_parameters())
    (path,) = tmp_path.glob('*.safetensors')
    _, checkpoint = load_segmentor(runner.cfg, path, 'cpu')
    assert checkpoint['state_dict'].keys() == stored.keys()


def test_the_student_begins_as_without_a_teacher(root: Path, tmp_path: Path) -> None:
    looks = Look(), Look()
    run(root, tmp_path / 'a', iters=1, watch=looks[:1], load_from=None).train()
    plain = dict(type='EMAHook')
    run(root, tmp_path / 'b', plain, iters=1, watch=looks[1:], load_from=None).train()
    one, two = (look.weights[0] for look in looks)
    assert all(torch.equal(value, two[key]) for key, value in one.items())


def test_a_resumed_run_is_the_same(root: Path, tmp_path: Path) -> None:
    whole, part = Seen(), Seen()
    run(root, tmp_path / 'a', iters=6, watch=[whole]).train()
    warm()
    work = tmp_path / 'b'
    stopped = in_child(lambda: run(root, work, iters=6, workers=2, watch=[Seen(3)]).train())
    assert stopped == 143
    run(root, work, iters=6, watch=[part], resume=True).train()
    assert part.steps == {step: whole.steps[step] for step in (5, 6)}  # it left after step 4


def test_beside_a_mean_teacher_it_scores_the_mixed_images(root: Path, tmp_path: Path) -> None:
    look = Look()
    mean = dict(type='mmdeeplab.MeanTeacherHook', threshold=0.5, cutmix=1.0)
    runner = runner_of(root, tmp_path, [hook(root), mean], 1, watch=[look])
    runner.train()
    teacher, _ = load_segmentor(Config.fromfile(root / 'teacher.py'), root / 'random.pth', 'cpu')
    inputs = teacher.data_preprocessor(dict(inputs=look.batches[0]['inputs']), True)['inputs']
    with torch.no_grad():
        wanted = teacher.encode_decode(inputs, [dict(img_shape=(33, 33))] * 4)
    for scores, sample in zip(wanted, look.batches[0]['data_samples'], strict=True):
        height, width = sample.gt_sem_seg.shape
        found = sample.teacher_scores.data
        torch.testing.assert_close(found, scores[:, :height, :width], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('options', [dict(temperature=0), dict(weight=-1.0)])
def test_an_argument_out_of_its_range_is_refused(options: dict) -> None:
    with pytest.raises(UserError, match='needs temperature > 0 and weight >= 0'):
        DistillationHook('a.py', **options)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(checkpoint='nowhere'), 'no checkpoint at nowhere'),
        (dict(teacher='nowhere.py'), 'nowhere.py'),
        (dict(teacher='other.py', checkpoint='other.pth'), '5 logits a pixel and the network 21'),
        (dict(checkpoint='named.pth'), 'classes of .*named.pth are not those of'),
    ],
)
def test_what_does_not_fit_is_told_before_the_first_step(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    other = network()
    other['decode_head']['num_classes'] = 5
    Config(dict(model=other)).dump('other.py')
    state = torch.load(root / 'random.pth', weights_only=True)
    names = [f'class {i}' for i in range(21)]
    torch.save(state | dict(meta=dict(dataset_meta=dict(classes=names))), 'named.pth')
    for key in ('weight', 'bias'):
        name = f'decode_head.conv_seg.{key}'
        state['state_dict'][name] = state['state_dict'][name][:5]
    torch.save(state, 'other.pth')
    with pytest.raises(UserError, match=words):
        run(root, tmp_path / 'work', hook(root, **options)).train()
    assert not list((tmp_path / 'work').glob('*.safetensors'))


def test_another_segmentor_is_refused(root: Path, tmp_path: Path) -> None:
    model = network(type='mmdeeplab.MSC')
    with pytest.raises(UserError, match=r'mmdeeplab\.EncoderDecoder, got MSC'):
        run(root, tmp_path, model=model).train()


@pytest.mark.slow
def test_the_config_of_the_page(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The student is tested where its teacher is gone."""
    monkeypatch.chdir(tmp_path)
    teacher = dict(teacher=str(root / 'teacher.py'), checkpoint=str(root / 'random.pth'))
    text = page_config(1)
    for name, value in teacher.items():
        before = dict(teacher='large.py', checkpoint='work_dirs/large')[name]
        assert f"{name}='{before}'" in text
        text = text.replace(f"'{before}'", repr(value))
    data = 'train_dataloader.dataset'
    options = [f'{data}.pipeline.2.crop_size=(33,33)', f'{data}.split=labelled']
    try_config(text, root, tmp_path, *options)
