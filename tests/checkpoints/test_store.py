"""Checkpoints come back bit for bit, or not at all."""

import math
import os
import random
import re
from collections import OrderedDict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from robustness.tiny import fingerprint
from safetensors import safe_open
from safetensors.torch import save_file

from mmdeeplab.checkpoint.find import newest_valid, read_summary
from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.checkpoint.safetensors_layout import Damaged
from mmdeeplab.checkpoint.store import load, save, snapshot
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import Disk, NotSaved, probe, replacing, sweep

TREE = {
    'state_dict': OrderedDict(
        weight=torch.randn(3, 5), half=torch.randn(7).bfloat16(), count=torch.tensor(9)
    ),
    'optimizer': {'state': {0: {'m': torch.randn(2, 2).T}, 1: {}}, 'betas': (0.9, 0.999)},
    'meta': {'iter': 7, 'nan': math.nan, 'inf': -math.inf, 'text': 'ä\n"', 'none': None},
    'lists': [1, True, [], {'tensor': 'no tag'}, (), {3, 4}],
    'array': np.arange(6, dtype=np.float64).reshape(2, 3),
    'empty': torch.zeros(0, 4, dtype=torch.bool),
    '$': {(1, 'a'): 2.5},
}


def write(path: Path, number: int = 7, started: float = 1.0, tree: dict = TREE) -> Path:
    save(path, tree, Disk(), dict(iter=number, epoch=0, seed=3, started=started))
    return path


def test_everything_comes_back(tmp_path: Path) -> None:
    path = write(tmp_path / 'iter_7.safetensors')
    assert fingerprint(load(path)) == fingerprint(TREE)
    assert read_summary(path) == dict(iter=7, epoch=0, seed=3, started=1.0)
    assert [p.name for p in tmp_path.iterdir()] == ['iter_7.safetensors']


def test_any_reader_of_safetensors_finds_the_weights(tmp_path: Path) -> None:
    with safe_open(write(tmp_path / 'a.safetensors'), 'pt') as file:
        assert torch.equal(file.get_tensor('state_dict/weight'), TREE['state_dict']['weight'])


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.safetensors')
    whole = path.read_bytes()
    rng = random.Random(0)
    head = 8 + int.from_bytes(whole[:8], 'little')
    places = [*range(8 * 300), *rng.sample(range(8 * head), 1500)]
    places += rng.sample(range(8 * head, 8 * len(whole)), 500)
    for place in places:
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << place % 8
        path.write_bytes(broken)
        try:
            read = load(path)
        except Exception:  # whichever reader notices first
            continue
        # one bit may turn the file into one of other origin, whose tensors then fit no model
        assert set(read) == {'state_dict'}, place
        assert 'weight' not in read['state_dict'], place


@pytest.mark.parametrize('name', ['a.safetensors', 'A.SAFETENSORS', 'pytorch_model.bin', 'blob'])
def test_safetensors_are_known_by_their_content(name: str, tmp_path: Path) -> None:
    weight = torch.arange(6.0).view(2, 3)
    save_file(dict(weight=weight), tmp_path / 'whole.safetensors')
    (tmp_path / 'whole.safetensors').rename(tmp_path / name)
    assert torch.equal(read_checkpoint(tmp_path / name)['state_dict']['weight'], weight)


@pytest.mark.parametrize('holder', ['ema', 'model_ema', 'params_ema'])
def test_an_average_alone_is_weights(holder: str, tmp_path: Path) -> None:
    torch.save({holder: dict(weight=torch.ones(2)), 'epoch': 3}, tmp_path / 'a.pth')
    assert read_checkpoint(tmp_path / 'a.pth')['state_dict'].keys() == {'weight'}


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('a.pth', b'', 'is empty'),
        ('a.pth', b'<!DOCTYPE html><html>404</html>', 'is a web page'),
        ('a.pth', b'version https://git-lfs.github.com/spec/v1\noid sha256:00', 'git lfs pull'),
        ('a.safetensors', b'version https://git-lfs.github.com/spec/v1\noid', 'git lfs pull'),
        ('model.safetensors.index.json', b'{"metadata": {}, "weight_map": {}}', 'several files'),
        ('a.pth', b'neither of them', 'is no checkpoint'),
    ],
)
def test_what_is_no_checkpoint_is_named(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf'{name} .*{words}') as error:
        read_checkpoint(path)
    assert 'weights_only' not in str(error.value)  # torch's advice to read it unsafely


def test_a_pickle_under_another_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'a.safetensors'
    torch.save(dict(weight=torch.ones(2)), path)
    with pytest.raises(UserError, match=r'call it \.pth'):
        read_checkpoint(path)


@pytest.mark.parametrize('length', [1, 5, 300, -1])
def test_a_cut_file_is_refused(tmp_path: Path, length: int) -> None:
    path = write(tmp_path / 'iter_1.safetensors')
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UserError, match=r'iter_1\.safetensors is not a readable checkpoint'):
        read_checkpoint(path)


def test_flipped_bits_in_an_old_pth_are_found(tmp_path: Path) -> None:
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=dict(weight=torch.ones(100))), path)
    whole = bytearray(path.read_bytes())
    whole[whole.find(torch.ones(100).numpy().tobytes()) + 3] ^= 64
    path.write_bytes(whole)
    with pytest.raises(UserError, match='checksum'):
        read_checkpoint(path)


@pytest.mark.parametrize('thing', [object(), torch.nn.Linear(1, 1), lambda: 0])
def test_what_is_no_data_is_refused_with_its_place(tmp_path: Path, thing: object) -> None:
    with pytest.raises(TypeError, match=r'meta/odd/0: it is a'):
        write(tmp_path / 'a', tree=dict(meta=dict(odd=[thing])))
    assert not list(tmp_path.iterdir())


def test_a_snapshot_is_independent() -> None:
    weight = torch.ones(3)
    copy = snapshot(dict(a=[weight], d=deque([1])))
    weight.zero_()
    assert copy['a'][0].tolist() == [1, 1, 1]


def test_the_newest_whole_checkpoint_is_found_by_content(tmp_path: Path) -> None:
    assert newest_valid(tmp_path) == (None, [], '')
    for number in (9, 10, 200):
        write(tmp_path / f'iter_{number}.safetensors', number)
    write(tmp_path / 'best_mIoU_iter_999.safetensors', 999)
    assert newest_valid(tmp_path).path.name == 'iter_200.safetensors'
    torn = tmp_path / 'iter_200.safetensors'
    torn.write_bytes(torn.read_bytes()[:-3])
    (tmp_path / 'iter_300.safetensors').touch()
    path, damaged, _ = newest_valid(tmp_path)
    assert path.name == 'iter_10.safetensors'
    assert len(damaged) == 2
    assert 'iter_200' in ''.join(damaged)


WORLD = [  # (name, iteration, start of training, clock at the run's start), the chosen one first
    ([('iter_20', 20, 2, 5.0), ('iter_10', 10, 1, 5.0)], 'iter_10.* earlier start of training'),
    ([('iter_20', 20, 1, 5.0), ('iter_10', 10, 1, 5.0)], 'iter_10.* earlier in the same run'),
    # gone on from iteration 10 once more, under other settings: what was further is of before
    ([('iter_20', 20, 3, 5.0), ('iter_90', 90, 2, 5.0)], 'iter_90.* earlier start of training'),
    # the clock was set back before the second run began
    ([('iter_20', 20, 2, 1.0), ('iter_90', 90, 1, 9.0)], 'iter_90.* earlier start of training'),
    # copied from another folder
    ([('iter_20', 20, 1, 9.0), ('iter_90', 90, 1, 1.0)], 'iter_90.* began earlier by its clock'),
    ([('iter_7', 20, 1, 5.0), ('iter_10', 10, 1, 5.0)], 'another number, but its content counts'),
    ([('iter_20', 20, 1, 5.0), ('iter_99', 20, 1, 5.0)], 'iter_99.* the same iteration again'),
    ([('epoch_2', 20, 1, 5.0), ('epoch_1', 10, 1, 5.0)], 'epoch_1.* earlier in the same run'),
    ([('iter_20', 20, 1, 5.0), ('best_mIoU_iter_40', 40, 1, 5.0)], 'further, but a best'),
    ([('iter_20', 20, 1, 5.0), ('best_mIoU_iter_10', 10, 1, 5.0)], ''),
    ([('iter_20', 20, 1, 5.0)], ''),
]


@pytest.mark.parametrize(('files', 'words'), WORLD)
@pytest.mark.parametrize('older', [False, True])
def test_what_is_gone_on_from_is_chosen_by_content_with_a_reason(
    tmp_path: Path, files: list, words: str, older: bool
) -> None:
    """Neither the times of the files nor the order in which they appear matter."""
    for i, (name, number, attempt, started) in enumerate(files):
        path = tmp_path / f'{name}.safetensors'
        epoch = int(name.rpartition('_')[2]) if name.startswith('epoch') else 0
        save(path, TREE, Disk(), dict(iter=number, epoch=epoch, started=started, attempt=attempt))
        seconds = 1e9 + (i if older else -i)
        os.utime(path, (seconds, seconds))
    path, damaged, reason = newest_valid(tmp_path)
    assert path == tmp_path / f'{files[0][0]}.safetensors'
    assert not damaged
    assert bool(reason) == bool(words)
    assert re.search(words, reason)
    assert ('though written later' in reason) == (older and bool(words))


def test_an_older_run_in_the_folder_does_not_win_by_its_number(tmp_path: Path) -> None:
    write(tmp_path / 'iter_500.safetensors', 500, started=1.0)
    write(tmp_path / 'iter_20.safetensors', 20, started=2.0)
    torch.save(dict(state_dict={}, meta=dict(iter=900)), tmp_path / 'iter_900.pth')
    assert newest_valid(tmp_path).path.name == 'iter_20.safetensors'


def test_the_pointer_is_a_hint_that_may_be_wrong(tmp_path: Path) -> None:
    write(tmp_path / 'iter_5.safetensors')
    for hint in ('', 'gone.safetensors', '/old/mount/iter_5.safetensors', '\0'):
        (tmp_path / 'last_checkpoint').write_text(hint)
        assert newest_valid(tmp_path).path.name == 'iter_5.safetensors'
    (tmp_path / 'x').mkdir()
    write(tmp_path / 'x' / 'iter_8.safetensors', 8)
    (tmp_path / 'last_checkpoint').write_text('x/iter_8.safetensors')
    assert newest_valid(tmp_path).path == tmp_path / 'x' / 'iter_8.safetensors'


def test_an_old_pth_alone_is_found(tmp_path: Path) -> None:
    torch.save(dict(state_dict=dict(a=torch.ones(1))), tmp_path / 'iter_3.pth')
    (tmp_path / 'iter_4.pth').write_bytes(b'PK\x03\x04 torn')
    path, damaged, _ = newest_valid(tmp_path)
    assert path.name == 'iter_3.pth'
    assert 'iter_4.pth' in damaged[0]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / 'a'
    path.write_text('old')
    with pytest.raises(NotSaved, match=r'a is not saved: .* \(it needs 5 bytes, [\d,]+ bytes'):
        fail(path, OSError(28, 'No space left on device'))
    with pytest.raises(KeyError):
        fail(path, KeyError())
    assert [p.name for p in tmp_path.iterdir()] == ['a']
    assert path.read_text() == 'old'


def fail(path: Path, error: Exception) -> None:
    with replacing(path, Disk(), needed=5) as file:
        file.write(b'new')
        raise error


def test_sweeping_takes_only_our_dead_files(tmp_path: Path) -> None:
    import os
    import socket

    host = socket.gethostname()
    dead, alive = 2**22 + 1, os.getppid()
    names = [f'.tmp-{host}-{dead}-iter_1', f'.tmp-{host}-{alive}-iter_2', '.tmp-notes', 'iter_3']
    names.append(f'.tmp-elsewhere-{dead}-iter_4')
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in sweep(tmp_path)] == names[:1]
    assert {path.name for path in tmp_path.iterdir()} == set(names[1:])
    own = tmp_path / f'.tmp-{host}-{os.getpid()}-iter_5'
    own.mkdir()
    assert sweep(tmp_path) == []
    assert sweep(tmp_path, starts=True) == [own]
    assert not own.exists()


def test_the_probe_names_what_is_wrong(tmp_path: Path) -> None:
    probe(tmp_path / 'new')
    assert not list((tmp_path / 'new').iterdir())
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=r'file'):
        probe(tmp_path / 'file')
    with pytest.raises(UserError, match=r'it needs [\d,]+ bytes, [\d,]+ bytes are free'):
        probe(tmp_path, needed=2**62)


def test_a_file_of_other_origin_is_weights(tmp_path: Path) -> None:
    save_file(dict(w=torch.ones(2)), tmp_path / 'w.safetensors')
    assert set(load(tmp_path / 'w.safetensors')['state_dict']) == {'w'}
    with pytest.raises(Damaged):
        read_summary(tmp_path / 'w.safetensors')
