"""Options that reach where they should."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config
from PIL import Image
from places import ROOT

from mmdeeplab.cli import test, train
from mmdeeplab.cli.common import command, sentence
from mmdeeplab.config.data import with_data_root
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.overrides import merge_options
from mmdeeplab.errors import UserError


def config() -> Config:
    return Config.fromfile(ROOT / 'configs' / 'deeplabv3plus_xception_voc.py')


def test_data_root_reaches_every_data_set_also_inside_wrappers() -> None:
    cfg = config()
    inner = cfg.train_dataloader.dataset
    cfg.train_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[inner, dict(type='RepeatDataset', dataset=inner)]
    )
    cfg = with_data_root(cfg, '/elsewhere')
    datasets = cfg.train_dataloader.dataset.datasets
    assert datasets[0].data_root == datasets[1].dataset.data_root == '/elsewhere'
    assert cfg.val_dataloader.dataset.data_root == '/elsewhere'
    assert cfg.test_dataloader.dataset.data_root == '/elsewhere'


def test_a_disk_that_fills_up_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Python names no file in errors of writing to one that is open."""

    def action(args: object) -> None:
        Path('/dev/full').write_text('x')

    monkeypatch.setattr(sys, 'excepthook', sys.__excepthook__)
    assert command(argparse.ArgumentParser, action)([]) == 2
    assert 'error: a file cannot be written: No space left on device' in capsys.readouterr().err


def test_the_schedule_follows_a_changed_length() -> None:
    cfg = config()
    cfg.param_scheduler[0].end = 30000
    cfg.default_hooks.checkpoint.interval = 3000
    cfg = merge_options(cfg, ['train_cfg.max_iters=200'])
    assert cfg.param_scheduler[0].end == 200
    assert cfg.train_cfg.val_interval == 200
    assert cfg.default_hooks.checkpoint.interval == 200


def test_intervals_that_are_given_stay() -> None:
    cfg = config()
    cfg = merge_options(cfg, ['train_cfg.max_iters=200', 'train_cfg.val_interval=50'])
    assert cfg.train_cfg.val_interval == 50
    cfg = merge_options(cfg, ['train_cfg.max_iters=60000'])
    assert cfg.train_cfg.val_interval == 50


@pytest.mark.parametrize(
    'options',
    [
        ['train_cfg.max_epochs=3'],
        ['train_cfg.by_epoch=True', 'train_cfg.max_epochs=3'],
        ['train_cfg.type=EpochBasedTrainLoop', 'train_cfg.max_epochs=3'],
    ],
)
def test_options_choose_epochs(options: list[str]) -> None:
    name = 'deeplabv3plus_xception_voc'
    assert load_config(name, ConfigOptions(options)).train_cfg == dict(
        type='EpochBasedTrainLoop', max_epochs=3
    )
    more = [*options, 'train_cfg.val_interval=2']
    assert load_config(name, ConfigOptions(more)).train_cfg.val_interval == 2


@pytest.mark.parametrize(
    ('hook', 'kept'),
    [
        (dict(interval=200), None),
        (dict(interval=200, by_epoch=False), 200),
        (dict(interval=None), None),
        ({}, None),
    ],
    ids=str,
)
def test_an_interval_does_not_change_its_unit(hook: dict, kept: int | None) -> None:
    """Iterations of the base are no epochs; without an interval is saved whenever is validated."""
    cfg = config()
    cfg.default_hooks.checkpoint.update(hook)
    cfg = merge_options(cfg, ['train_cfg.max_epochs=300'])
    assert cfg.default_hooks.checkpoint.get('interval') == kept


@pytest.mark.parametrize('plan', [dict(end=30000), [dict(end=30000)], None, []], ids=str)
@pytest.mark.parametrize(
    'hooks', [None, dict(checkpoint=None), dict(checkpoint=dict(interval=None))]
)
def test_what_is_left_out_does_not_stop_the_schedule(plan: Any, hooks: dict | None) -> None:
    cfg = config()
    cfg.param_scheduler, cfg.default_hooks, cfg.train_cfg.val_interval = plan, hooks, None
    cfg = merge_options(cfg, ['train_cfg.max_iters=20'])
    found = cfg.param_scheduler or []
    assert all(s['end'] == 20 for s in ([found] if isinstance(found, dict) else found))


@pytest.mark.parametrize(
    ('text', 'works'),
    [
        ("dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3)", True),
        ("dict(type='EpochBasedTrainLoop', max_epochs=3)", True),
        ('dict(by_epoch=True, max_epochs=3)', True),
        ("dict(type='EpochBasedTrainLoop', max_epochs=3, max_iters=9)", False),
        ("dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3, max_iters=9)", False),
        ("dict(type='EpochBasedTrainLoop')", False),
    ],
)
def test_a_child_chooses_epochs(tmp_path: Path, text: str, works: bool) -> None:
    path = tmp_path / 'child.py'
    base = ROOT / 'configs/deeplabv3plus_xception_voc.py'
    path.write_text(f'_base_ = {str(base)!r}\ntrain_cfg = {text}\n')
    if works:
        loop = dict(type='EpochBasedTrainLoop', max_epochs=3)
        assert load_config(str(path)).train_cfg == loop
        return
    with pytest.raises(UserError, match=r'train_cfg has .*max_iters.*write for epochs'):
        load_config(str(path))


@pytest.mark.parametrize(
    'options',
    [
        ['train_cfg.max_epochs=3', 'train_cfg.max_iters=9'],
        ['train_cfg.by_epoch=True'],
        ['train_cfg.type=EpochBasedTrainLoop'],
        ['train_cfg.max_epochs=0'],
        ['train_cfg.max_epochs=-1'],
        ['train_cfg.max_iters=0'],
        ['train_cfg.max_epoch=3'],
    ],
)
def test_impossible_lengths_are_named(options: list[str]) -> None:
    with pytest.raises(UserError, match=r'train_cfg(\.| has).*max_'):
        load_config('deeplabv3plus_xception_voc', ConfigOptions(options))


def test_values_are_parsed() -> None:
    cfg = config()
    cfg = merge_options(cfg, ['model.backbone.multi_grid=(1,2,4)', 'model.neck.separable=False'])
    assert cfg.model.backbone.multi_grid == (1, 2, 4)
    assert cfg.model.neck.separable is False


@pytest.mark.parametrize('option', ['nonsense', 'model.type.deeper=1'])
def test_options_that_cannot_be_merged_are_named(option: str) -> None:
    with pytest.raises(UserError, match=option.split('=')[0]):
        merge_options(config(), [option])


@pytest.mark.parametrize(
    ('main', 'arguments', 'key'),
    [
        (train.main, [], 'train_dataloader'),
        (train.main, [], 'optim_wrapper'),
        (test.main, ['x.pth'], 'test_dataloader'),
        (test.main, ['x.pth'], 'test_evaluator'),
    ],
)
def test_a_part_that_a_command_needs_is_named(
    capsys: pytest.CaptureFixture, main: Any, arguments: list[str], key: str
) -> None:
    name = 'deeplabv3plus_xception_mini-voc'
    assert main([name, *arguments, '--cfg-options', f'{key}=None']) == 2
    assert capsys.readouterr().err.endswith(f'{name}.py has no {key}\n')


def test_a_workers_error_is_still_one_sentence() -> None:
    wrapped = 'Caught UserError in DataLoader worker process 0.\nOriginal Traceback ...\n'
    wrapped += 'mmdeeplab.errors.UserError: label 77 in a.png\n'
    assert sentence(UserError(wrapped)) == 'label 77 in a.png'


HEAVY = ('torch', 'numpy', 'PIL', 'cv2', 'mmengine', 'mmcv', 'mmseg', 'scipy', 'matplotlib', 'tqdm')
LOADED = f'print([name for name in {HEAVY} if name in sys.modules])'


def test_the_package_loads_nothing() -> None:
    code = f'import sys; import mmdeeplab; assert mmdeeplab.config_path; {LOADED}'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_matplotlib_is_loaded_when_something_is_drawn() -> None:
    code = 'import gc, sys\nfrom mmdeeplab.config.load import quiet_imports\nquiet_imports()\n'
    code += 'import mmdeeplab.engine.runner\nimport mmdeeplab.inference.predictor\n'
    code += 'print("torch" in sys.modules, "matplotlib" in sys.modules, gc.isenabled())'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ['True', 'False', 'True']


@pytest.mark.parametrize('tool', sorted(p.name for p in (ROOT / 'tools').glob('[a-z]*.py')))
def test_help_is_immediate(tool: str) -> None:
    """Nothing heavy is imported before the arguments are parsed."""
    start = time.perf_counter()
    command = [sys.executable, str(ROOT / 'tools' / tool), '--help']
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 'usage' in done.stdout
    code = f'import sys, runpy; sys.argv = ["{tool}", "--help"]\n'
    code += f'sys.path.insert(0, "{ROOT / "tools"}")\n'
    code += f'try: runpy.run_path("{ROOT / "tools" / tool}", run_name="__main__")\n'
    code += f'except SystemExit: pass\n{LOADED}'
    loaded = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert loaded.stdout.splitlines()[-1] == '[]'
    assert time.perf_counter() - start < 30


def test_opencv_is_silent_about_tags_that_it_does_not_know(tmp_path: Path) -> None:
    tag = 33550  # the size of a pixel on the earth
    Image.new('RGB', (4, 4)).save(tmp_path / 'a.tif', tiffinfo={tag: (1.0, 1.0, 0.0)})
    code = (
        'import argparse\n'
        'from mmdeeplab.cli.common import command\n'
        'def read(args):\n'
        '    import cv2\n'
        f'    assert cv2.imread({str(tmp_path / "a.tif")!r}) is not None\n'
        'command(argparse.ArgumentParser, read)([])\n'
    )
    environment = {k: v for k, v in os.environ.items() if k != 'OPENCV_LOG_LEVEL'}
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stderr == ''
