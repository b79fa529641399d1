"""What a config's check has seen last is what runs: nothing changes it afterwards, anywhere."""

import contextlib
import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from networks import random_checkpoint
from robustness.mini import CONFIG, OPTIONS, call, draw

from mmdeeplab.cli import analyze, check_dataset, export, predict, train
from mmdeeplab.cli import test as test_command
from mmdeeplab.config import data as config_data
from mmdeeplab.config import validate
from mmdeeplab.config.changes import ConfigChange, replaced, with_hooks, with_settings
from mmdeeplab.config.class_weight import note_auto_weights, with_class_weights
from mmdeeplab.config.data import with_data_root
from mmdeeplab.config.ignore_index import unify_ignore_index
from mmdeeplab.config.load import load_config, with_changes
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.output_stride import with_output_stride
from mmdeeplab.config.overrides import merge_options
from mmdeeplab.config.protocols import network_of, with_protocol
from mmdeeplab.datasets.check import report as data_report
from mmdeeplab.engine.evaluation_config import EvaluationOptions
from mmdeeplab.engine.runner import DeepLabRunner
from mmdeeplab.engine.training_config import TrainingOptions, with_resume
from mmdeeplab.errors import UserError
from mmdeeplab.inference import build, predictor, wrap
from mmdeeplab.inference.crf_model import CRFRefined
from mmdeeplab.inference.options import InferenceOptions
from mmdeeplab.inference.wrap import with_crf, with_tta, with_windows
from mmdeeplab.report.run import with_report

VOID = 'train_dataloader.dataset.ignore_index=0'
WEIGHTS = 'model.decode_head.loss_decode.class_weight=auto'
CRF = 'crf.published=v2-r101'


class Stop(Exception):
    """The config has been handed over; nothing more needs to run."""


class Seen:
    """Configs as text, as the check and as what runs by them got them."""

    def __init__(self) -> None:
        self.checked: list[str] = []
        self.handed: list[str] = []

    def check(self, check: Callable, cfg: Config, *args: object) -> None:
        check(cfg, *args)
        self.checked.append(text(cfg))

    def hand_over(self, cfg: Config, *_: object, **__: object) -> Any:
        self.handed.append(text(cfg))
        raise Stop


def text(cfg: Config) -> str:
    return repr(cfg.to_dict())


@pytest.fixture(autouse=True)
def pydensecrf(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were installed: no CRF runs here."""
    monkeypatch.setattr(wrap, 'require_pydensecrf', lambda: None)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    seen = Seen()
    monkeypatch.setattr(validate, 'check_config', partial(seen.check, validate.check_config))
    monkeypatch.setattr(DeepLabRunner, 'from_cfg', seen.hand_over)
    return seen


@pytest.fixture(scope='module')
def cfg() -> Config:
    return load_config(CONFIG, ConfigOptions([*OPTIONS, CRF]))


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp('data') / 'voc')


@pytest.fixture(scope='module')
def weights(cfg: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(cfg, tmp_path_factory.mktemp('weights'))


def stopped(main: Callable, *arguments: object) -> None:
    """Run a command until the config is handed over."""
    status, said = call(main, *arguments)
    assert (status, 'Stop()' in said) == (1, True), said


def test_train(seen: Seen, data: Path, tmp_path: Path) -> None:
    stopped(
        train.main, CONFIG, '--data-root', data, '--work-dir', tmp_path, '--amp', '--resume',
        'auto', '--output-stride', 8, '--cfg-options', *OPTIONS, VOID, WEIGHTS,
    )  # fmt: skip
    assert seen.handed == seen.checked[-1:]
    assert all(
        word in seen.handed[0]
        for word in ('Autocast', 'PreflightHook', 'DataCheckHook', str(data), str(tmp_path))
    )
    assert "'auto" not in seen.handed[0]  # the weights of the classes are numbers


def test_train_without_what_can_be_left_out(seen: Seen, data: Path, weights: Path) -> None:
    stopped(
        train.main, CONFIG, '--data-root', data, '--resume', weights, '--no-check',
        '--no-preflight', '--work-dir', data.parent / 'work', '--cfg-options', *OPTIONS,
    )  # fmt: skip
    assert seen.handed == seen.checked[-1:]
    assert "'check_data': False" in seen.handed[0]
    assert "'resume': True" in seen.handed[0]
    assert 'PreflightHook' not in seen.handed[0]


def test_evaluation(seen: Seen, data: Path, weights: Path, tmp_path: Path) -> None:
    stopped(
        test_command.main, CONFIG, weights, '--data-root', data, '--work-dir', tmp_path / 'work',
        '--out', tmp_path / 'out', '--save-masks', 'voc', '--tta', '--crf', '--fast', '--protocol',
        'crop-513', '--trimap', 1, 3, '--boundary', 0.01, '--cfg-options', *OPTIONS, CRF, VOID,
    )  # fmt: skip
    assert seen.handed == seen.checked[-1:]
    assert all(
        word in seen.handed[0]
        for word in ('MultiScaleFlip', 'SlidingWindows', 'CRFRefined', 'FastHook', 'MaskHook',
                     'PictureHook', 'DataCheckHook', 'comp6_test_cls', "'bn_policy': None")
    )  # fmt: skip


def test_every_protocol_is_checked_before_the_first_is_evaluated(
    seen: Seen, cfg: Config, data: Path, weights: Path, tmp_path: Path
) -> None:
    stopped(
        test_command.main, CONFIG, weights, '--data-root', data, '--work-dir', tmp_path,
        '--protocol', 'all', '--cfg-options', *OPTIONS,
    )  # fmt: skip
    count = len(cfg.protocols)
    assert count > 2
    assert len(set(seen.checked[-count:])) == count
    assert seen.handed == [seen.checked[-count]]


@pytest.mark.parametrize('command', ['predict', 'export', 'analyze', 'check-dataset'])
def test_other_commands(
    command: str, seen: Seen, data: Path, weights: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((40, 50, 3), np.uint8))
    settings = ['--output-stride', 8, '--cfg-options', *OPTIONS, VOID, WEIGHTS]
    folder = ['--data-root', data]
    of: dict[str, tuple] = dict(
        predict=(predict.main, predictor, 'load_segmentor', [
            tmp_path / 'a.png', '--model', CONFIG, '--checkpoint', weights, '--out', tmp_path,
            '--tta', '--mode', 'slide', '--window', 33, *folder]),
        export=(export.main, build, 'load_segmentor', [
            CONFIG, weights, '--format', 'onnx', '--verify', data, *folder]),
        analyze=(analyze.main, config_data, 'training_size', [CONFIG]),
    )  # fmt: skip
    of['check-dataset'] = (check_dataset.main, data_report, 'examine', [CONFIG, *folder])
    main, module, name, arguments = of[command]
    monkeypatch.setattr(module, name, seen.hand_over)
    with contextlib.suppress(UserError):
        stopped(main, *arguments, *settings)
    assert seen.handed == seen.checked[-1:]
    assert ('SlidingWindows' in seen.handed[0]) == (command == 'predict')


CHANGES: dict[str, ConfigChange] = {
    'auto weights': note_auto_weights,
    'class weights': partial(with_class_weights, weights={'auto': [1.0] * 21}),
    'data root': partial(with_data_root, root='elsewhere'),
    'ignore_index': unify_ignore_index,
    'output stride': partial(with_output_stride, output_stride=8),
    'options': partial(merge_options, options=['train_cfg.max_epochs=3', 'randomness.seed=3']),
    'protocol': partial(with_protocol, name='short-512'),
    'key': partial(replaced, key='train_cfg', value=None),
    'hooks': lambda cfg: with_hooks(cfg, dict(type='EMAHook')),
    'settings': partial(with_settings, values={'optim_wrapper.type': 'AmpOptimWrapper'}),
    'scales': with_tta,
    'windows': partial(with_windows, mode='slide', window=33),
    'CRF': with_crf,
    'report': partial(with_report, out=Path('out'), save_masks='voc'),
    'resume': partial(with_resume, checkpoint='iter_1.safetensors'),
    **{
        f'training {i}': change
        for i, change in enumerate(TrainingOptions('a', 'b', True, False).changes())
    },
    **{
        f'evaluation {i}': change
        for i, change in enumerate(
            EvaluationOptions(
                'a', 'b', InferenceOptions(tta=True, crf=True, fast=True), 'c', [1], 0.01, 'voc'
            ).changes('crop-513', Path('out'))
        )
    },
}


@pytest.mark.parametrize('name', CHANGES)
def test_a_transform_leaves_what_it_is_given(name: str, cfg: Config) -> None:
    given = with_settings(cfg, {'model.decode_head.loss_decode.class_weight': 'auto'})
    given = with_settings(given, {'train_dataloader.dataset.ignore_index': 0})
    if name == 'class weights':
        given = note_auto_weights(given)
    before, shared = text(given), copy.deepcopy(given)
    made = CHANGES[name](given)
    assert text(given) == before == text(shared)
    assert text(made) != before
    made.model.clear()  # they have no part in common
    assert text(given) == before


def test_what_a_transform_slips_in_is_refused(cfg: Config) -> None:
    with pytest.raises(UserError, match=r'neck\.rate is no argument of mmdeeplab\.ASPPNeck'):
        with_changes(cfg, [partial(with_settings, values={'model.neck.rate': 3})])


def test_the_crf_stands_outside_the_windows_and_these_outside_the_scales(cfg: Config) -> None:
    use = InferenceOptions(tta=True, crf=True)
    options = EvaluationOptions('a', 'b.safetensors', use)
    made = with_changes(cfg, options.changes('custom'))
    kinds, node = [], made.model
    while 'module' in node:
        kinds.append(node.type)
        node = node.module
    assert [k.rpartition('.')[2] for k in kinds] == [
        CRFRefined.__name__, 'SlidingWindows', 'MultiScaleFlip'
    ]  # fmt: skip
    assert network_of(made) == node == cfg.model
