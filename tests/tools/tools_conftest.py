"""A tiny data set, a tiny run, and the tools as commands."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from places import ROOT

from mmdeeplab.datasets.mini_voc import MiniVoc, generate

CONFIG = 'configs/deeplabv3plus_mobilenetv2_mini-voc.py'
SMALL = [
    'train_dataloader.batch_size=2',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'test_dataloader.num_workers=0',
    'test_dataloader.persistent_workers=False',
    'train_dataloader.dataset.pipeline.2.crop_size=(49,49)',
    'model.data_preprocessor.size=(49,49)',
    'model.data_preprocessor.test_size=(65,65)',
    'default_hooks.logger.interval=1',
]
XCEPTION = ['model.backbone.depth=41', *SMALL]


@pytest.fixture(scope='session')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mini-VOC of 12 training and 11 validation images."""
    out = tmp_path_factory.mktemp('mini-voc')
    generate(out, MiniVoc(train=12, val=11, size=64), quiet=True)
    return out


Tool = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope='session')
def tool() -> Tool:
    """Run ``tools/NAME`` as a person does; standard output and error are kept apart."""

    def call(name: str, *args: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
        script = str(ROOT / 'tools' / name)
        command = [sys.executable, script] if name.endswith('.py') else ['bash', script]
        path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
        return subprocess.run(
            [*command, *map(str, args)],
            cwd=cwd,
            env=os.environ | dict(PATH=path, OMP_NUM_THREADS='1'),
            capture_output=True,
            text=True,
            timeout=600,
        )

    return call


@pytest.fixture(scope='session')
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """``tool`` without its start: what is imported says nothing. For ``tools/NAME.py``."""
    folder = tmp_path_factory.mktemp('forked')
    server = subprocess.Popen(
        [sys.executable, str(ROOT / 'tests/tools/forks.py')],
        env=os.environ | dict(PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1'),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None

    def call(name: str, *args: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
        script, files = str(ROOT / 'tools' / name), [folder / 'out', folder / 'err']
        for file in files:
            file.write_text('')
        request = dict(script=script, arguments=[*map(str, args)], cwd=str(cwd))
        request |= dict(out=str(files[0]), err=str(files[1]))
        print(json.dumps(request), file=server.stdin, flush=True)
        status = int(server.stdout.readline())
        return subprocess.CompletedProcess(script, status, *(file.read_text() for file in files))

    yield call
    # Not by the end of its input: a process that a test forked and left may hold the pipe open.
    server.terminate()
    server.wait(timeout=60)


@pytest.fixture(scope='session')
def trained(tool: Tool, data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """One run of four iterations, saved after two, evaluated at the end."""
    work = tmp_path_factory.mktemp('work')
    done = tool(
        'train.py', CONFIG, '--data-root', data, '--work-dir', work, '--cfg-options', *SMALL,
        'train_cfg.max_iters=4', 'default_hooks.checkpoint.interval=2',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(work=work, stdout=done.stdout, stderr=done.stderr)
