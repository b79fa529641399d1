"""What the importers' command leaves behind."""

from pathlib import Path

import pytest
import torch

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
