"""Checkpoints are read without executing anything, and fit or are refused."""

import hashlib
import os
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import save_file
from torch import nn

from mmdeeplab.checkpoint.load import check_fit, read_checkpoint, require_weights
from mmdeeplab.engine.hooks.plain_history import PlainHistoryHook
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.weights.readers.torch_file import read_tensors


def model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.system, (f'touch {self.path}',)


def test_reads_both_formats(tmp_path: Path) -> None:
    state = model().state_dict()
    save_file(state, tmp_path / 'a.safetensors')
    torch.save(dict(state_dict=state, meta=dict(iter=3)), tmp_path / 'a.pth')
    torch.save(state, tmp_path / 'bare.pth')
    for name in ('a.safetensors', 'a.pth', 'bare.pth'):
        read = read_checkpoint(tmp_path / name)['state_dict']
        assert set(read) == set(state)
        assert all(torch.equal(read[key], state[key]) for key in state)


@pytest.mark.parametrize('inside', [False, True])
def test_nothing_is_executed(tmp_path: Path, inside: bool) -> None:
    canary = Canary(tmp_path / 'canary')
    saved = dict(state_dict=model().state_dict(), meta=canary) if inside else canary
    torch.save(saved, tmp_path / 'evil.pth')
    with pytest.raises(UserError, match=r'evil\.pth is not loaded'):
        read_checkpoint(tmp_path / 'evil.pth')
    assert not (tmp_path / 'canary').exists()


@pytest.mark.parametrize(
    ('name', 'data'),
    [
        ('a.pth', b''),
        ('a.pth', b'PK\x03\x04 torn'),
        ('a.safetensors', b'torn'),
        ('a.pth', b'<html>'),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=name.replace('.', r'\.')):
        read_checkpoint(tmp_path / name)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UserError, match=r'no checkpoint at gone\.pth'):
        read_checkpoint('gone.pth')


def test_every_misfit_is_named() -> None:
    state = model().state_dict()
    state['0.weight'] = torch.zeros(4, 9, 1, 1)
    state['stray'] = state.pop('0.bias')
    with pytest.raises(UserError) as error:
        check_fit(state, model(), 'a.pth')
    assert str(error.value).startswith('a.pth does not fit the model:\n  1 missing from the file:')
    for words in ('0.bias', 'stray', '0.weight: file (4, 9, 1, 1), model (4, 3, 1, 1)'):
        assert words in str(error.value)


def test_what_fits_passes() -> None:
    check_fit(model().state_dict(), model(), 'a.pth')


def test_history_survives_as_tensors(tmp_path: Path) -> None:
    buffer = HistoryBuffer()
    for value in (3.0, 2.0, 1.5):
        buffer.update(value)
    checkpoint = dict(
        state_dict=model().state_dict(),
        message_hub=dict(log_scalars=dict(loss=buffer), runtime_info={}, resumed_keys={}),
    )
    PlainHistoryHook().before_save_checkpoint(None, checkpoint)
    torch.save(checkpoint, tmp_path / 'a.pth')
    loaded = read_checkpoint(tmp_path / 'a.pth')
    PlainHistoryHook().after_load_checkpoint(None, loaded)
    restored = loaded['message_hub']['log_scalars']['loss']
    assert restored.data[0].tolist() == [3.0, 2.0, 1.5]
    assert restored.mean(2) == pytest.approx(1.75)


def test_sha256(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    (tmp_path / 'a').write_bytes(data)
    assert digest(tmp_path / 'a') == hashlib.sha256(data).hexdigest()


SPOILT = {
    'of complex numbers': ('0.weight', torch.zeros(4, 3, 1, 1, dtype=torch.complex64)),
    'sparse': ('0.weight', torch.zeros(4, 3).to_sparse()),
    'without values (on the device "meta")': ('1.weight', torch.zeros(4, device='meta')),
    'of quantised numbers (torch.float8_e4m3fn)': (
        '1.weight',
        torch.ones(4).to(torch.float8_e4m3fn),
    ),
    'not finite (NaN or Inf)': ('0.bias', torch.full((4,), float('nan'))),
    'impossible, a variance below 0': ('1.running_var', -torch.ones(4)),
}


@pytest.mark.parametrize('fault', SPOILT)
def test_weights_that_no_network_can_use_are_named(fault: str) -> None:
    """They are the file's own fault, whatever the model: it is not said not to fit."""
    key, value = SPOILT[fault]
    state = model().state_dict() | {key: value}
    for refuse in (require_weights, lambda state, path: check_fit(state, model(), path)):
        with pytest.raises(UserError) as error:
            refuse(state, 'a.pth')
        words = f'a.pth holds weights that cannot be used:\n  1 {fault}:\n    {key}'
        assert str(error.value) == words


@pytest.mark.parametrize('fault', [*SPOILT][:4])
def test_an_importer_takes_no_such_weights_either(tmp_path: Path, fault: str) -> None:
    key, value = SPOILT[fault]
    torch.save({key: value}, tmp_path / 'a.pth')
    with pytest.raises(UserError) as error:
        read_tensors(tmp_path / 'a.pth')
    assert str(error.value).endswith(f'weights that cannot be used: {key} is {fault}')


def test_an_importer_names_what_is_no_name(tmp_path: Path) -> None:
    torch.save({0: torch.zeros(2)}, tmp_path / 'a.pth')
    with pytest.raises(UserError, match=r'a\.pth holds no state dict: 0 is not the name'):
        read_tensors(tmp_path / 'a.pth')


class Called:
    """An object that is made by a call of ``getattr``.

    Args:
        given: The arguments of the call.
    """

    def __init__(self, *given: object) -> None:
        self.given = given

    def __reduce__(self) -> tuple:
        return getattr, self.given


@pytest.mark.parametrize('length', [2, 1_000_000])
def test_histories_of_mmengine_are_read_without_running_anything(
    tmp_path: Path, length: int
) -> None:
    """A ``.pth`` that MMEngine's own Runner wrote: its pickle asks ``getattr`` for statistics."""
    history = HistoryBuffer([3.0, 1.0], [1, 1], max_length=length)
    hub = dict(log_scalars={'a': history}, runtime_info={}, resumed_keys={})
    checkpoint = dict(state_dict=model().state_dict(), message_hub=hub)
    torch.save(checkpoint, tmp_path / 'a.pth')
    loaded = read_checkpoint(tmp_path / 'a.pth')
    PlainHistoryHook().after_load_checkpoint(None, loaded)
    read = loaded['message_hub']['log_scalars']['a']
    assert read.data[0].tolist() == [3.0, 1.0]
    assert (read.mean(), read.current(), read.min(1)) == (2.0, 1.0, 1.0)


@pytest.mark.parametrize(
    'given',
    [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, '__globals__'),
        (HistoryBuffer, 'register_statistics'),
        (torch.Tensor, 'mean'),
        (torch.Tensor, '__reduce__'),
        pytest.param((Called(HistoryBuffer, 'mean'), '__globals__'), id='a bound method'),
    ],
    ids=str,
)
def test_getattr_of_anything_else_is_refused(tmp_path: Path, given: tuple) -> None:
    torch.save(dict(state_dict=model().state_dict(), more=Called(*given)), tmp_path / 'a.pth')
    with pytest.raises(UserError, match='could run code'):
        read_checkpoint(tmp_path / 'a.pth')
