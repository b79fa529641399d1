"""The doctor on installations that are not here: written as metadata, judged as data."""

import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmdeeplab.cli.doctor.facts import (
    GIB,
    Facts,
    Kernels,
    Machine,
    Requirement,
    Torch,
    parse_requirement,
    requirements,
    run_probe,
    versions,
)
from mmdeeplab.cli.doctor.finding import ERROR, WARNING
from mmdeeplab.cli.doctor.packages import numbers
from mmdeeplab.cli.doctor.probe import kernel_facts
from mmdeeplab.cli.doctor.report import describe, judge, render
from mmdeeplab.cores import usable_cores

needs_torch = pytest.mark.skipif(not find_spec('torch'), reason='needs PyTorch')
PYTHON = '/a b/bin/python'
NEEDS = ('torch>=2.4', 'numpy>=1.26', 'onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6',
         'onedl-mmsegmentation>=1.4.2', 'pydensecrf2>=1.1; extra == "crf"')  # fmt: skip
SOUND = {
    'torch': '2.13.0+cpu',
    'numpy': '2.4.6',
    'onedl_mmengine': '0.10.12',
    'onedl_mmcv': '2.3.6',
    'onedl_mmsegmentation': '1.4.2',
    'opencv-python': '5.0.0.93',
}
MACHINE = Machine(4, driver=False, disk=99 * GIB, shared=8 * GIB, cache='/c', cache_writable=True)
TORCH = Torch('2.13.0+cpu', threads=4)
KERNELS = Kernels('/usr/bin/cc')


def install(folder: Path, packages: dict[str, str]) -> list[metadata.Distribution]:
    """Write the metadata of packages into a folder and read it as Python does."""
    for name, version in packages.items():
        info = folder / f'{name}-{version}.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
    return list(metadata.distributions(path=[str(folder)]))


def facts(folder: Path, packages: dict[str, str], **others: object) -> Facts:
    base = Facts(
        python=(3, 12, 1),
        executable=PYTHON,
        distributions=versions(install(folder, packages)),
        requirements=tuple(map(parse_requirement, NEEDS)),
        machine=MACHINE,
        torch=TORCH,
        kernels=KERNELS,
    )
    return replace(base, **others)


def test_nothing_is_said_of_a_sound_one(tmp_path: Path) -> None:
    sound = facts(tmp_path, SOUND)
    assert judge(sound) == []
    text = describe(sound)
    assert 'onedl-mmcv 2.3.6' in text
    assert "crf: '/a b/bin/python' -m pip install 'pydensecrf2>=1.1'" in text
    assert 'kernels   compiled by cc (/usr/bin/cc)' in text


CASES = {
    'nothing': (
        {},
        ['not installed: torch, numpy, onedl-mmengine, onedl-mmcv, onedl-mmsegmentation'],
        [['install', 'torch>=2.4', 'numpy>=1.26', 'onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6',
          'onedl-mmsegmentation>=1.4.2']],
    ),
    'old': (
        SOUND | {'onedl_mmcv': '2.3.5', 'onedl_mmengine': '0.10.9'},
        ['onedl-mmengine 0.10.9', 'onedl-mmcv 2.3.5 (at least 2.3.6)'],
        [['install', '--upgrade', 'onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6']],
    ),
    'original instead': (
        {k: v for k, v in SOUND.items() if k != 'onedl_mmcv'} | {'mmcv': '2.2.0'},
        ['mmcv 2.2.0 is installed in place of onedl-mmcv'],
        [['uninstall', '-y', 'mmcv'], ['install', 'onedl-mmcv>=2.3.6']],
    ),
    'both': (
        SOUND | {'mmengine': '0.10.7'},
        ['mmengine 0.10.7 and onedl-mmengine 0.10.12 are both installed'],
        [['uninstall', '-y', 'mmengine', 'onedl-mmengine'], ['install', 'onedl-mmengine>=0.10.12']],
    ),
    'two of OpenCV': (
        SOUND | {'opencv_python_headless': '4.12.0.88'},
        ['opencv-python 5.0.0.93, opencv-python-headless 4.12.0.88'],
        [['uninstall', '-y', 'opencv-python', 'opencv-python-headless'],
         ['install', 'opencv-python==5.0.0.93']],
    ),
}  # fmt: skip


@pytest.mark.parametrize('case', CASES)
def test_packages(tmp_path: Path, case: str) -> None:
    packages, words, commands = CASES[case]
    (finding,) = judge(facts(tmp_path, packages))
    assert finding.severity == ERROR
    assert all(word in finding.words for word in words)
    parts = [shlex.split(part) for part in finding.command.split(' && ')]
    assert parts == [[PYTHON, '-m', 'pip', *command] for command in commands]


def test_equal_builds_of_opencv_are_a_warning(tmp_path: Path) -> None:
    packages = SOUND | {'opencv_python_headless': SOUND['opencv-python']}
    assert [f.severity for f in judge(facts(tmp_path, packages))] == [WARNING]


@pytest.mark.parametrize(
    ('module', 'error', 'command'),
    [
        ('cv2', 'ImportError: libGL.so.1: cannot open', 'install opencv-python-headless==5.0.0.93'),
        ('cv2', 'ImportError: numpy.core.multiarray failed', 'install --upgrade opencv-python'),
        ('mmcv', 'ModuleNotFoundError: yapf', 'install --force-reinstall --no-deps onedl-mmcv=='),
        ('torch', 'the import ends the process with status -4', '--no-deps torch==2.13.0+cpu'),
    ],
)
def test_imports_that_fail(tmp_path: Path, module: str, error: str, command: str) -> None:
    imports = {'numpy': '', module: error, 'mmseg': 'because of the other'}
    (finding,) = judge(facts(tmp_path, SOUND, imports=imports))
    assert finding.severity == ERROR
    assert error.split(': ')[-1] in finding.words
    assert command in finding.command


def test_numpy_of_another_build(tmp_path: Path) -> None:
    (finding,) = judge(facts(tmp_path, SOUND, torch=replace(TORCH, numpy_works=False)))
    assert finding.severity == ERROR
    assert '2.4.6' in finding.words


@pytest.mark.parametrize(
    ('torch', 'machine', 'severity', 'command'),
    [
        (dict(cuda='12.8'), {}, WARNING, '/whl/cpu'),
        (dict(cuda='13.0'), dict(driver=True), ERROR, '/whl/cu126'),
        (dict(cuda='12.8', gpus=('NVIDIA H100',)), dict(driver=True), None, ''),
        ({}, dict(driver=True), WARNING, 'install --force-reinstall torch'),
        (dict(threads=8), {}, WARNING, 'export OMP_NUM_THREADS=4'),
        ({}, dict(disk=GIB), WARNING, '--work-dir'),
        ({}, dict(shared=64 * 2**20), WARNING, 'mount -o remount'),
        ({}, dict(shared=None), None, ''),
        ({}, dict(cache_writable=False), WARNING, 'MMDEEPLAB_CACHE'),
    ],
)
def test_machine(
    tmp_path: Path, torch: dict, machine: dict, severity: str | None, command: str
) -> None:
    found = judge(
        facts(tmp_path, SOUND, torch=replace(TORCH, **torch), machine=replace(MACHINE, **machine))
    )
    assert [f.severity for f in found] == ([severity] if severity else [])
    assert command in render(found)


@pytest.mark.parametrize(
    ('kernels', 'line', 'words'),
    [
        (None, '', ''),
        (Kernels(off='MMDEEPLAB_KERNELS=0'), 'kernels   not used: MMDEEPLAB_KERNELS=0', ''),
        (Kernels(), 'kernels   no C compiler', 'no C compiler'),
        (Kernels('/c/gcc', 'no stdio.h'), 'kernels   gcc (/c/gcc) fails', 'kernels (no stdio.h)'),
    ],
)
def test_kernels(tmp_path: Path, kernels: Kernels | None, line: str, words: str) -> None:
    found = facts(tmp_path, SOUND, kernels=kernels)
    assert line in describe(found)
    assert ('\nkernels' in describe(found)) == bool(line)
    findings = judge(found)
    assert [f.severity for f in findings] == ([WARNING] if words else [])
    assert words in render(findings)
    assert ('apt install gcc' in render(findings)) == bool(words)


def test_old_python(tmp_path: Path) -> None:
    (finding,) = judge(facts(tmp_path, SOUND, python=(3, 9, 18)))
    assert '3.9.18' in finding.words


def test_requirements_are_those_of_the_package() -> None:
    needs = requirements([])
    assert {need.name for need in needs if not need.extra} >= {'torch', 'onedl-mmcv', 'numpy'}
    assert {'crf', 'tf', 'tflite', 'dev'} <= {need.extra for need in needs}
    assert parse_requirement('types-tqdm; extra == "dev"') == Requirement('types-tqdm', '', 'dev')


@pytest.mark.parametrize(
    ('low', 'high'), [('2.4', '2.13.0+cpu'), ('0.10.9', '0.10.12'), ('1.26', '2'), ('', '1')]
)
def test_versions_are_compared_as_numbers(low: str, high: str) -> None:
    assert numbers(low) < numbers(high)
    assert numbers('2.4') == numbers('2.4.0+cu118')


def test_a_container_has_the_cores_it_is_given(tmp_path: Path) -> None:
    quota = tmp_path / 'cpu.max'
    quota.write_text('100000 100000\n')
    assert usable_cores(quota) == 1
    quota.write_text('max 100000\n')
    assert usable_cores(quota) == usable_cores(tmp_path / 'none') >= 1


def test_a_crash_of_an_import_is_told(tmp_path: Path) -> None:
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\necho noise\necho \'{"begin": "torch"}\'\nkill -ILL $$\n')
    python.chmod(0o755)
    stack = run_probe(str(python))
    assert stack == ({'torch': 'the import ends the process with status -4'}, None, None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing is compiled yet."""
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setenv('MMDEEPLAB_KERNELS', '1')
    monkeypatch.delenv('CC', raising=False)
    return tmp_path / 'cache'


@needs_torch
def test_kernels_are_compiled_in_another_process(cache: Path) -> None:
    if not any(map(shutil.which, ('cc', 'gcc', 'clang'))):
        pytest.skip('no C compiler here')
    found = run_probe().kernels
    assert found is not None
    assert (found.error, found.off) == ('', '')
    assert Path(found.compiler).name in ('cc', 'gcc', 'clang')
    assert [path.suffix for path in (cache / 'kernels').iterdir()] == ['.so']


def test_kernels_are_not_judged_where_the_stack_is_missing(tmp_path: Path) -> None:
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\necho "no module named torch" >&2\nexit 1\n')
    python.chmod(0o755)
    assert run_probe(str(python)) == ({}, None, None)


@needs_torch
def test_why_there_are_no_kernels(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = cache.with_name('broken-cc')
    compiler.write_text('#!/bin/sh\necho "In a file:" >&2\necho "error: no stdio.h" >&2\nexit 1\n')
    compiler.chmod(0o755)
    monkeypatch.setenv('CC', str(compiler))
    assert kernel_facts() == dict(compiler=str(compiler), error='error: no stdio.h')
    monkeypatch.delenv('CC')
    monkeypatch.setenv('PATH', str(cache))
    assert kernel_facts() == {}
    monkeypatch.setenv('MMDEEPLAB_KERNELS', '0')
    assert kernel_facts() == dict(off='MMDEEPLAB_KERNELS=0')
    monkeypatch.delenv('MMDEEPLAB_KERNELS')
    monkeypatch.setattr('mmdeeplab.models.cpu_kernels.build.has_avx512', lambda: False)
    assert 'AVX-512' in kernel_facts()['off']


@pytest.mark.slow
@needs_torch
def test_this_installation_is_sound() -> None:
    command = [sys.executable, '-m', 'mmdeeplab.cli', 'doctor']
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(word in done.stdout for word in ('onedl-mmcv', 'bfloat16', 'kernels', '/dev/shm'))
