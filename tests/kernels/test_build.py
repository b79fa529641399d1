"""Where kernels come from, and what happens where none can."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mmdeeplab.models.cpu_kernels import build, library
from mmdeeplab.models.layers.separable import SeparableConv2d

QUICK = tuple('-O0' if flag == '-O3' else flag for flag in build.FLAGS)  # elsewhere as a user does


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What the first use on a machine leaves in the cache."""
    folder = tmp_path_factory.mktemp('made')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMDEEPLAB_CACHE', str(folder))
        patch.setattr(build, 'FLAGS', QUICK)
        library.cache_clear()
        assert library() is not None
    return list((folder / 'kernels').iterdir())


@pytest.fixture(autouse=True)
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path))
    monkeypatch.setattr(build, 'FLAGS', QUICK)
    library.cache_clear()
    yield tmp_path
    library.cache_clear()


def test_they_are_compiled_once_a_machine(
    made: list[Path], anew: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [path.suffix for path in made] == ['.so']
    shutil.copytree(made[0].parent, anew / 'kernels')
    library.cache_clear()
    monkeypatch.setattr(build, 'run', lambda *_: pytest.fail('compiled again'))
    assert library() is not None


def test_a_folder_that_takes_nothing(anew: Path) -> None:
    (anew / 'kernels').write_text('a file')
    assert library() is not None


def test_a_compiler_that_fails_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / 'broken-cc'
    compiler.write_text('#!/bin/sh\necho "no such option" >&2\nexit 1\n')
    compiler.chmod(0o755)
    monkeypatch.setenv('CC', str(compiler))
    lines = []
    monkeypatch.setattr(build, 'print_log', lambda text, *_: lines.append(text))
    assert library() is None
    assert library() is None
    assert lines == ['no C kernels, PyTorch alone: no such option']


@pytest.mark.parametrize('off', ['switched off', 'no compiler', 'no AVX-512'])
def test_without_them_pytorch_does_the_work(off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if off == 'no compiler':
        monkeypatch.setattr(build, 'find_compiler', lambda: None)
    elif off == 'no AVX-512':
        monkeypatch.delenv('MMDEEPLAB_KERNELS')
        monkeypatch.setattr(build, 'has_avx512', lambda: True)
        assert build.why_off() == ''
        monkeypatch.setattr(build, 'has_avx512', lambda: False)
    else:
        monkeypatch.setenv('MMDEEPLAB_KERNELS', '0')
    assert library() is None
    conv = SeparableConv2d(16, 16, 3, padding=1, groups=16, bias=False, relu_first=True)
    x = torch.randn(1, 16, 5, 6).to(memory_format=torch.channels_last)
    truth = torch.nn.functional.conv2d(x.relu(), conv.weight, padding=1, groups=16)
    assert torch.allclose(conv(x), truth, atol=1e-6)


def test_a_library_that_was_cut_is_compiled_again(made: list[Path], anew: Path) -> None:
    path = anew / 'kernels' / made[0].name
    path.parent.mkdir()
    path.write_bytes(made[0].read_bytes()[: made[0].stat().st_size // 2])
    library.cache_clear()
    assert library() is not None
    assert build.is_whole(path)
