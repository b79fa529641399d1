"""Run the blocks of pages as a reader would, in tiny: ``play.py FOLDER PAGE...`` prints JSON.

Every page gets a copy of FOLDER/start, without what its own blocks make; there they run in order. A
command of ours runs in a fork of this process, which has imported PyTorch once; other lines are
bash's.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from blocks import NOTEBOOKS, OURS, Block, blocks, lines, notebook, shown_error, words
from places import ROOT

CONFIG = 'configs/deeplabv3plus_mobilenetv2_mini-voc.py'
WORK = 'work_dirs/deeplabv3plus_mobilenetv2_mini-voc'
STANDS_FOR = {
    'CHECKPOINT.safetensors': f'{WORK}/iter_2.safetensors',
    'CHECKPOINT': WORK,
    'CONFIG': CONFIG,
    'DIR_A': 'report',
    'DIR_B': 'report',
}
MAKES = {'docs/tutorial': ('data', 'my_photos'), 'docs/install': ('data',)}
TINY = [
    'train_dataloader.batch_size=2',
    *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
    *(f'{split}_dataloader.persistent_workers=False' for split in ('train', 'val', 'test')),
    'model.data_preprocessor.size=(33,33)',
    'model.data_preprocessor.test_size=(65,65)',
]


def shrink() -> None:
    """Let every config that a command opens train two steps of two crops of 33 pixels."""
    from mmengine.config import Config

    from mmdeeplab.config import overrides

    merge = overrides.merge_options

    def tiny(cfg: Config, options: Sequence[str], helpers: Mapping[str, object]) -> Config:
        cfg = merge(cfg, options, helpers)
        if 'train_dataloader' in cfg:
            cfg = merge(cfg, TINY)
            for step in cfg.train_dataloader.dataset.pipeline:
                if 'crop_size' in step:
                    step.crop_size = (33, 33)
        if 'max_iters' in cfg.get('train_cfg', {}):
            cfg = merge(cfg, ['train_cfg.max_iters=2'])
        return cfg

    overrides.merge_options = tiny


def forked(action: Callable[[], int | None], said: Path) -> int:
    """Run ``action`` in a child; what it prints goes to a file.

    Returns:
        Its exit status.
    """
    sys.stdout.flush()
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        with said.open('a') as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            with redirect_stdout(file), redirect_stderr(file):
                status = action() or 0
    except SystemExit as stop:
        status = stop.code or 0
    except BaseException:
        traceback.print_exc(file=said.open('a'))
    finally:
        os._exit(status)


def call(line: str, said: Path) -> int:
    """Run one command line, ours or the shell's."""
    names = re.compile(rf'\b({"|".join(map(re.escape, STANDS_FOR))})\b')
    found = [names.sub(lambda m: STANDS_FOR[m[1]], word) for word in words(line)]
    if not OURS.match(line):
        with said.open('a') as file:
            return subprocess.run(['bash', '-euc', line], stdout=file, stderr=file).returncode
    name = found[1] if found[0] == 'mmdeeplab' else Path(found[0]).stem.replace('_', '-')
    rest = found[2 if found[0] == 'mmdeeplab' else 1 :]
    from mmdeeplab.cli.main import COMMANDS, dispatch

    if name in COMMANDS:
        return forked(lambda: dispatch([name, *rest]), said)
    return forked(lambda: run_script(found[0], rest), said)  # in a checkout only


def run_script(script: str, arguments: list[str]) -> None:
    """Run a file of ``tools/`` that is no command of the package, as Python would."""
    path = ROOT / script
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path), *arguments]
    runpy.run_path(str(path), run_name='__main__')


def play(block: Block, said: Path) -> list[dict]:
    """Run a block; stop at the first command that does not end as the page says."""
    if block.language == 'python':
        status = forked(lambda: exec(block.text, {}), said)
        return [dict(where=block.name, line='python', status=status, expected='', said=end(said))]
    if block.language == 'notebook':
        said.unlink(missing_ok=True)
        status = forked(lambda: run_notebook(block.text, said), said)
        return [dict(where=block.name, line='cells', status=status, expected='', said=end(said))]
    done = []
    for line in lines(block):
        if not words(line):
            continue
        said.unlink(missing_ok=True)
        error = shown_error(block, line)
        status = call(line, said)
        done.append(
            dict(where=block.name, line=line, status=status, expected=error, said=end(said))
        )
        if bool(status) != bool(error):
            break
    return done


def run_notebook(code: str, said: Path) -> None:
    """Run the cells in one namespace; ``!COMMAND`` must end well."""

    def command(line: str) -> None:
        assert call(line, said) == 0, line

    code = re.sub(r'^!(.+)$', lambda found: f'command({found[1]!r})', code, flags=re.M)
    exec(code, dict(__name__='__main__', command=command))


def end(said: Path) -> str:
    return said.read_text()[-3000:] if said.exists() else ''


def runs(block: Block) -> bool:
    """Whether a block is to be run: commands without a reason not to, and Python that predicts."""
    predicts = block.language == 'python' and 'DeepLabPredictor(' in block.text
    return (block.language in ('sh', 'console') or predicts) and not block.reason


def play_page(page: str, folder: Path) -> list[dict]:
    """Run the blocks of a page in a fresh copy of the start."""
    place = folder / page.replace('/', '-')
    shutil.copytree(folder / 'start', place, symlinks=True)
    for name in MAKES.get(page, ()):
        shutil.rmtree(place / name)
    os.chdir(place)
    done: list[dict] = []
    for block in notebook(page) if page in NOTEBOOKS else filter(runs, blocks(page)):
        done += play(block, folder / 'said.txt')
        if done and bool(done[-1]['status']) != bool(done[-1]['expected']):
            break
    return done


def main(folder: Path, pages: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    from mmdeeplab.config.load import quiet_imports

    with redirect_stdout(sys.stderr):
        quiet_imports()
        import matplotlib.backends.backend_agg  # noqa: F401
        import mmseg.evaluation
        import mmseg.visualization  # noqa: F401
        import torch._dynamo
        import yapf.yapflib.yapf_api

        import mmdeeplab.engine.runner
        import mmdeeplab.inference.predictor  # noqa: F401
    # MMEngine lays out the config four times a run, which takes longer than two small steps.
    yapf.yapflib.yapf_api.FormatCode = lambda text, **_: (text, False)
    shrink()
    os.chdir(folder / 'start')
    first = call(f'tools/train.py {CONFIG}', folder / 'said.txt')
    assert first == 0, end(folder / 'said.txt')
    print(json.dumps({page: play_page(page, folder) for page in pages}))


if __name__ == '__main__':
    sys.path.insert(0, str(ROOT))
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
