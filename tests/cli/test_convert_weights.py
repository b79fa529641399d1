"""What the importers' command leaves behind."""

import os
import resource
import signal
from pathlib import Path

import pytest
import torch
from robustness.tiny import in_child
from safetensors.torch import load_file

from mmdeeplab.errors import UserError
from mmdeeplab.weights.convert import write


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / 'new' / f'weights{suffix}'
    write(out, dict(a=torch.arange(3.0)), dict(source='tf'))
    body = out.read_bytes()
    with pytest.raises((TypeError, AttributeError)):
        write(out, dict(a=torch.zeros(3)), dict(source=lambda: 'cannot be written'))
    assert out.read_bytes() == body
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    with pytest.raises(UserError, match=f'cannot write {out}/below'):
        write(out / f'below{suffix}', {}, {})


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_tensors_that_share_memory_are_written_each_for_itself(tmp_path: Path, suffix: str) -> None:
    """Tied weights, and a small part of a large tensor."""
    tied, large = torch.arange(3.0), torch.arange(100_000.0)
    write(tmp_path / f'a{suffix}', dict(a=tied, b=tied, c=large[7:9]), {})
    path = tmp_path / f'a{suffix}'
    read = torch.load(path)['state_dict'] if suffix == '.pth' else load_file(path)
    assert {key: value.tolist() for key, value in read.items()} == dict(
        a=[0, 1, 2], b=[0, 1, 2], c=[7, 8]
    )
    assert path.stat().st_size < 10_000


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_a_full_disk_is_a_sentence(tmp_path: Path, suffix: str) -> None:
    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            write(tmp_path / f'a{suffix}', dict(a=torch.zeros(400_000)), {})
        except UserError as error:
            os._exit(7 if 'File too large' in str(error) else 8)

    assert in_child(work) == 7
    assert not list(tmp_path.iterdir())
