"""The configs under mmsegmentation's own training script: nothing of ours but the config."""

import os
import subprocess
import sys
from pathlib import Path

import mmseg
import pytest
from places import ROOT
from tools_conftest import CONFIG, SMALL


@pytest.mark.slow
def test_mmseg_trains_our_config(data: Path, tmp_path: Path) -> None:
    script = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'train.py'
    assert script.is_file()
    roots = [f'{split}_dataloader.dataset.data_root={data}' for split in ('train', 'val', 'test')]
    options = [*SMALL, *roots, 'train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    done = subprocess.run(
        [sys.executable, script, ROOT / CONFIG, '--work-dir', tmp_path, '--cfg-options', *options],
        cwd=tmp_path,
        env=os.environ | dict(OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / 'iter_2.safetensors').is_file()
    assert 'mIoU' in done.stdout
