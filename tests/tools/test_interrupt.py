"""A signal to ``train.py``, and how the next command goes on."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from tools_conftest import CONFIG, SMALL, Tool

pytestmark = pytest.mark.slow


def test_a_terminated_run_saves_and_goes_on(tool: Tool, data: Path, tmp_path: Path) -> None:
    common = ['--data-root', data, '--work-dir', tmp_path / 'work']
    options = ['--cfg-options', *SMALL, 'default_hooks.checkpoint.interval=2']
    command = [sys.executable, ROOT / 'tools' / 'train.py', CONFIG, *common, *options]
    process = subprocess.Popen(
        [*map(str, command), 'train_cfg.max_iters=500'],
        cwd=ROOT,
        env=os.environ | dict(OMP_NUM_THREADS='1'),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = ''
    for line in process.stdout:
        seen += line
        if re.search(r'Iter\(train\) \[ *3/', line):
            process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143, seen[-2000:]
    (saved,) = map(int, re.findall(r'SIGTERM: saved iteration (\d+); go on with --resume', seen))
    newest = tmp_path / 'work' / f'iter_{saved}.safetensors'
    assert newest.is_file()
    if saved % 2:  # a save between two regular ones; its damage costs one interval
        saved -= 1
        newest.write_bytes(newest.read_bytes()[:-1])
    (tmp_path / 'work').rename(tmp_path / 'moved')
    common[-1] = tmp_path / 'moved'
    last = saved + 1
    options += [f'train_cfg.max_iters={last}', 'optim_wrapper.optimizer.lr=1e-3']
    options += [f'train_cfg.val_begin={last + 1}']
    done = tool('train.py', CONFIG, *common, '--resume', *options)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f'resumed at iteration {saved} of {last}' in done.stdout
    assert 'optim_wrapper.optimizer.lr: 0.002 -> 0.001' in done.stdout
    assert re.findall(r'Iter\(train\) \[ *(\d+)/', done.stdout) == [str(last)]
