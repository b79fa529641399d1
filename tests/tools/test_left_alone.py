"""Commands leave what training left as it is, and its config is one for every command."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from mmengine.config import Config
from tools_conftest import SMALL

from mmdeeplab.cli import analyze, check_dataset, export, predict, test, train

CONFIG = 'deeplabv3plus_mobilenetv2_mini-voc'


@pytest.fixture(scope='module')
def work(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp('work')
    options = [*SMALL, 'train_cfg.max_iters=2']
    status = train.main(
        [CONFIG, '--data-root', str(data), '--work-dir', str(work), '--cfg-options', *options]
    )
    assert status == 0
    return work


def digests(folder: Path) -> dict[Path, str]:
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


Command = Callable[[Path, str, Path], tuple]
COMMANDS: dict[str, Command] = {
    'test': lambda work, config, out: (
        test.main,
        [config, str(work), '--work-dir', str(work), '--out', str(out)],
    ),
    'predict': lambda work, config, out: (
        predict.main,
        [str(work.parent), '--model', config, '--checkpoint', str(work), '--out', str(out)],
    ),
    'export': lambda work, config, out: (
        export.main,
        [
            *(config, str(work), '--format', 'torchscript', '--verify', str(work.parent)),
            *('--images', '1', '--out', str(out / 'a.pt')),
        ],
    ),
    'analyze': lambda work, config, out: (analyze.main, [config]),
    'check-dataset': lambda work, config, out: (check_dataset.main, [config]),
}


@pytest.mark.parametrize('name', COMMANDS)
def test_what_training_left_stays(
    work: Path, data: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the config that training left: the files are the same, byte for byte."""
    monkeypatch.chdir(tmp_path)
    config = work / f'{CONFIG}.py'
    before = digests(work)
    assert config in before
    main, arguments = COMMANDS[name](work, str(config), tmp_path)
    pictures = str(next((data / 'JPEGImages').glob('*.jpg')))
    arguments = [pictures if argument == str(work.parent) else argument for argument in arguments]
    assert main(arguments) == 0
    after = digests(work)
    assert {path: after.get(path) for path in before} == before


def test_the_config_that_training_left_resumes(work: Path, tmp_path: Path) -> None:
    config = str(work / f'{CONFIG}.py')
    arguments = ['--work-dir', str(work), '--resume', '--cfg-options']
    assert train.main([config, *arguments, 'train_cfg.max_iters=3']) == 0
    left = Path(config).read_text()
    assert Config.fromfile(config).resume is False
    assert left.count('PreflightHook') == 1
