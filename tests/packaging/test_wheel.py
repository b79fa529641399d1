"""The wheel: what is in it, and that it works in a folder that knows nothing of the checkout."""

import email
import os
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from places import ROOT
from tools_conftest import CONFIG, SMALL

import mmdeeplab

SOURCES = ('mmdeeplab', 'configs', 'tools')
IN_A_CHECKOUT = {'tools/torture.py', 'tools/ablate.py', 'tools/draw_family.py'}
FILES = ('setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it from a copy: a build leaves folders behind."""
    copy = tmp_path_factory.mktemp('source')
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns('__pycache__'))
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    out = tmp_path_factory.mktemp('wheel')
    pip = [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation']
    done = subprocess.run([*pip, '--wheel-dir', out, copy], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = out.glob('*.whl')
    return path


@pytest.fixture(scope='module')
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp('site')
    pip = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', target]
    subprocess.run([*pip, wheel], check=True, capture_output=True)
    return target


def run(installed: Path, cwd: Path, *args: object) -> subprocess.CompletedProcess:
    """``python -m mmdeeplab.cli ...`` with the installed package, in a foreign folder."""
    command = [sys.executable, '-m', 'mmdeeplab.cli', *map(str, args)]
    env = os.environ | dict(PYTHONPATH=str(installed), OMP_NUM_THREADS='1')
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


def tracked(folder: str) -> set[str]:
    paths = (ROOT / folder).rglob('*')
    files = [path for path in paths if path.is_file() and '__pycache__' not in path.parts]
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_every_module_config_and_tool_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = tracked('mmdeeplab')
    assert len(modules) > 50
    assert modules <= names
    for folder in ('configs', 'tools'):
        assert {f'mmdeeplab/.mim/{name}' for name in tracked(folder) - IN_A_CHECKOUT} <= names
    assert not [name for name in names if Path(name).name in {Path(n).name for n in IN_A_CHECKOUT}]
    assert not [name for name in names if name.startswith(('tests', 'configs', 'docs', 'build'))]


def test_metadata(wheel: Path) -> None:
    (name,) = (n for n in zipfile.ZipFile(wheel).namelist() if n.endswith('.dist-info/METADATA'))
    data = email.message_from_bytes(zipfile.ZipFile(wheel).read(name))
    assert data['Version'] == mmdeeplab.__version__
    assert data['License-Expression'] == 'Apache-2.0'
    assert data['Requires-Python'] == '>=3.10'
    assert data['Description-Content-Type'] == 'text/markdown'
    assert data.get_payload().startswith('# mmdeeplab')
    assert any(n.endswith('licenses/LICENSE') for n in zipfile.ZipFile(wheel).namelist())


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == mmdeeplab.__version__
    assert citation['license'] == 'Apache-2.0'
    assert citation['cff-version'] == '1.2.0'
    assert len(citation['references']) == 4


def test_help_lists_the_commands_at_once(installed: Path, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run(installed, tmp_path, '--help')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    for tool in (ROOT / 'tools').glob('[a-z]*.py'):
        listed = f'\n  {tool.stem.replace("_", "-")} ' in done.stdout
        assert listed is (f'tools/{tool.name}' not in IN_A_CHECKOUT)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 1  # of the processor: others may keep it waiting


def test_configs_are_found_by_name(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, 'configs', 'lraspp')
    assert done.returncode == 0
    assert str(installed / 'mmdeeplab' / '.mim' / 'configs') in done.stdout
    done = run(installed, tmp_path, 'train', 'deeplabv3_r50_mini-voc')
    assert done.returncode == 2
    assert 'mmdeeplab make-mini-voc --out data/mini-voc' in done.stderr
    assert 'tools/' not in done.stderr


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['trian'], ['trian', 'train']),
        (['train', 'deeplabv3plus_xcepton_voc'], ['deeplabv3plus_xception_voc']),
    ],
)
def test_slips_are_told(installed: Path, tmp_path: Path, arguments: list, words: list) -> None:
    done = run(installed, tmp_path, *arguments)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_trains_from_a_foreign_folder(installed: Path, tmp_path: Path, data: Path) -> None:
    steps = ['train_cfg.max_iters=2', 'val_dataloader.dataset.indices=2']
    config = Path(CONFIG).stem
    done = run(
        installed, tmp_path, 'train', config, '--data-root', data, '--cfg-options', *SMALL, *steps
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list((tmp_path / 'work_dirs' / config).glob('iter_2.*'))
