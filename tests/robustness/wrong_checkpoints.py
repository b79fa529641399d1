"""Checkpoints that are not the network's, at every door through which one comes in."""

import random
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice, product
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.cli import predict, test, train
from robustness import Outcome
from robustness.mini import CONFIG, OPTIONS, call, draw

State = dict[str, Tensor]
DOORS = ('load_from', 'resume', 'init_cfg', 'test', 'predict')
STRICT = ('resume', 'test', 'predict')  # the others may take a backbone alone
BACKBONE = 'backbone.'


def edited(edit: Callable[[str, Tensor], Tensor | None]) -> Callable[[State, Path], Path]:
    """A writer of a state whose tensors went through ``edit``; None drops one."""

    def write(state: State, path: Path) -> Path:
        changed = {key: edit(key, value) for key, value in state.items()}
        kept = {key: value for key, value in changed.items() if value is not None}
        save_file(kept, path.with_suffix('.safetensors'))
        return path.with_suffix('.safetensors')

    return write


def renamed(rename: Callable[[str], str]) -> Callable[[State, Path], Path]:
    """A writer of a state under other names."""
    return lambda state, path: edited(lambda key, value: value)(
        {rename(key): value for key, value in state.items()}, path
    )


def raw(data: bytes, suffix: str) -> Callable[[State, Path], Path]:
    """A writer of these bytes."""

    def write(state: State, path: Path) -> Path:
        path.with_suffix(suffix).write_bytes(data)
        return path.with_suffix(suffix)

    return write


def pickled(make: Callable[[State], object]) -> Callable[[State, Path], Path]:
    """A writer by torch of what ``make`` makes of the state."""

    def write(state: State, path: Path) -> Path:
        torch.save(make(state), path.with_suffix('.pth'))
        return path.with_suffix('.pth')

    return write


def damaged(writer: Callable[[State, Path], Path], cut: bool) -> Callable[[State, Path], Path]:
    """A good file, cut in half or with one flipped bit in the middle."""

    def write(state: State, path: Path) -> Path:
        found = writer(state, path)
        data = bytearray(found.read_bytes())
        data[len(data) // 2] ^= 64
        found.write_bytes(data[: len(data) // 2] if cut else data)
        return found

    return write


def spoilt(ending: str, value: float) -> Callable[[State, Path], Path]:
    """A writer of a state in which one number of each tensor ``ending`` so is ``value``."""

    def edit(key: str, tensor: Tensor) -> Tensor:
        tensor = tensor.clone()
        if key.endswith(ending):
            tensor.view(-1)[0] = value
        return tensor

    return edited(edit)


def _half(key: str, value: Tensor) -> Tensor | None:
    return None if len(key) % 2 and key.startswith(BACKBONE) else value


def _missing(state: State, path: Path) -> Path:
    return path.with_suffix('.pth')


def _folder(state: State, path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


same = edited(lambda key, value: value)
LIE = (1 << 60).to_bytes(
    8, 'little'
) + b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
WRONG: dict[str, Callable[[State, Path], Path]] = {
    'empty': raw(b'', '.pth'),
    'empty safetensors': raw(b'', '.safetensors'),
    'a web page': raw(b'<html>404</html>', '.pth'),
    'a header that lies': raw(LIE, '.safetensors'),
    'missing': _missing,
    'a folder': _folder,
    'cut in half': damaged(pickled(lambda s: dict(state_dict=s)), cut=True),
    'cut safetensors': damaged(same, cut=True),
    'a flipped bit': damaged(pickled(lambda s: dict(state_dict=s)), cut=False),
    'a list': pickled(lambda s: list(s.values())),
    'text as weights': pickled(lambda s: dict(state_dict='weights')),
    'no weights': pickled(lambda s: dict(state_dict={})),
    'an optimiser': pickled(lambda s: dict(state={}, param_groups=[dict(lr=0.1)])),
    'a module': pickled(lambda s: dict(state_dict=torch.nn.Conv2d(3, 4, 1))),
    'no key in common': renamed(lambda key: f'x{key[1:]}'),
    'wrapped': renamed(lambda key: f'module.{key}'),
    'another backbone': renamed(lambda key: key.replace('backbone.', 'backbone.layer')),
    'another width': edited(lambda k, v: torch.cat([v, v]) if v.ndim and k[0] == 'b' else v),
    'half of the backbone': edited(_half),
    'the head alone': edited(lambda k, v: v if k.startswith('decode_head') else None),
    'NaN in a kernel': spoilt('conv.weight', float('nan')),
    'Inf in a variance': spoilt('running_var', float('inf')),
    'a negative variance': spoilt('running_var', -1.0),
    'complex': edited(lambda k, v: v.to(torch.complex64) if v.is_floating_point() else v),
}
# Not this network's weights, but a start for training one like it.
OTHER: dict[str, Callable[[State, Path], Path]] = {
    'other classes': edited(lambda k, v: v[:11].clone() if 'conv_seg' in k else v),
    'a tensor less': edited(lambda k, v: None if k == 'decode_head.conv_seg.bias' else v),
    'a tensor more': lambda s, p: same({**s, 'decode_head.extra': torch.ones(1)}, p),
    'another head': renamed(lambda key: key.replace('decode_head', 'decode_head.old')),
}


def run(n: int, folder: Path) -> Outcome:
    """Try ``n`` pairs of a wrong checkpoint and a door; each must end in a sentence, status 2."""
    data = draw(folder / 'data')
    state = good(folder, data)
    pairs = [*product(WRONG, DOORS), *product(OTHER, STRICT)]
    random.shuffle(pairs)
    failures = []
    for i, (kind, door) in enumerate(islice(cycle(pairs), n)):
        path = {**WRONG, **OTHER}[kind](state, folder / f'wrong-{i}')
        status, text = enter(door, path, folder, data)
        refused = status == 2 and 'error: ' in text and path.name in text
        if not refused or 'Iter(' in text:
            failures.append(f'{kind} by {door}: status {status}, {text[-300:]!r}')
    return Outcome(n, n - len(failures), failures)


def good(folder: Path, data: Path) -> State:
    """The weights of a run of one step."""
    status, text = call(
        train.main, CONFIG, '--data-root', data, '--work-dir', folder / 'good', '--cfg-options',
        *OPTIONS,
    )  # fmt: skip
    assert status == 0, text
    state = read_checkpoint(folder / 'good' / 'iter_1.safetensors')['state_dict']
    assert any(key.endswith('running_var') for key in state)
    return state


def enter(door: str, path: Path, folder: Path, data: Path) -> tuple[int, str]:
    """Bring a checkpoint in; the exit status and what was printed."""
    shared = ['--data-root', data, '--cfg-options', *OPTIONS]
    begin = partial(call, train.main, CONFIG, '--work-dir', folder / 'work')
    if door == 'load_from':
        return begin(*shared, f'load_from={path}')
    if door == 'resume':
        return begin('--resume', path, *shared)
    if door == 'init_cfg':
        key = 'model.backbone.init_cfg'
        options = [f'{key}.type=Pretrained', f'{key}.checkpoint={path}', f'{key}.prefix=backbone.']
        return begin(*shared, *options)
    if door == 'test':
        return call(test.main, CONFIG, path, '--work-dir', folder / 'work', *shared)
    images = data / 'JPEGImages'
    return call(
        predict.main, images, '--model', CONFIG, '--checkpoint', path, '--out', folder / 'out',
        '--overwrite', *shared,
    )  # fmt: skip
