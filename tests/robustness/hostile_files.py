"""Files made to run code or to lead out of their folder."""

import importlib.util
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from robustness.mini import CONFIG
from robustness.watch import Watch


class Case(NamedTuple):
    """A hostile file, or folder, and the door it is brought to."""

    name: str
    door: str
    make: Callable[[Path, Watch], Any]


class Payload:
    """Unpickled, it touches the canary."""

    def __init__(self, canary: Path, by: str = 'system') -> None:
        self.canary, self.by = str(canary), by

    def __reduce__(self) -> tuple:
        return {
            'system': (os.system, (f'touch {self.canary}',)),
            'exec': (exec, (f'open({self.canary!r}, "w")',)),
            'eval': (eval, (f'open({self.canary!r}, "w")',)),
            'open': (open, (self.canary, 'w')),
            'mkdir': (os.mkdir, (self.canary,)),
        }[self.by]


CALLS = ('system', 'exec', 'eval', 'open', 'mkdir')
SHAPES: dict[str, Callable[[Any, dict], object]] = {
    'the whole': lambda p, s: p,
    'a weight': lambda p, s: dict(state_dict={**s, 'x': p}),
    'the weights': lambda p, s: dict(state_dict=p),
    'meta': lambda p, s: dict(state_dict=s, meta=dict(cfg=p)),
    'the optimiser': lambda p, s: dict(state_dict=s, meta={}, optimizer=p),
    'a key': lambda p, s: {('x', p.canary): p, 'state_dict': s},
    'an array': lambda p, s: dict(state_dict=s, meta=np.array([p], dtype=object)),
}
DOORS = ('load_from', 'resume', 'init_cfg', 'test', 'predict')


def saved(shape: str, by: str, legacy: bool) -> Callable[[Path, Watch], Path]:
    """A checkpoint by torch, in today's or the old format."""

    def make(folder: Path, watch: Watch) -> Path:
        content = SHAPES[shape](Payload(watch.canary, by), {'x': torch.ones(1)})
        torch.save(content, folder / 'evil.pth', _use_new_zipfile_serialization=not legacy)
        return folder / 'evil.pth'

    return make


def plain(protocol: int, suffix: str) -> Callable[[Path, Watch], Path]:
    """A bare pickle under another name."""

    def make(folder: Path, watch: Watch) -> Path:
        path = folder / f'evil{suffix}'
        path.write_bytes(pickle.dumps(Payload(watch.canary), protocol))
        return path

    return make


def in_tar(folder: Path, watch: Watch) -> Path:
    """torch's first format."""
    with tarfile.open(folder / 'evil.pth', 'w') as out:
        for name in ('sys_info', 'pickle', 'tensors', 'storages'):
            data = pickle.dumps(Payload(watch.canary), 2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return folder / 'evil.pth'


def with_member(name: str) -> Callable[[Path, Watch], Path]:
    """A checkpoint whose archive also holds a file that leads out."""

    def make(folder: Path, watch: Watch) -> Path:
        torch.save(dict(state_dict={'x': torch.ones(1)}), folder / 'evil.pth')
        with zipfile.ZipFile(folder / 'evil.pth', 'a') as archive:
            archive.writestr(name.format(watch.canary), b'x')
        return folder / 'evil.pth'

    return make


def tensors(header: object, length: int | None = None) -> Callable[[Path, Watch], Path]:
    """A safetensors file with this header."""

    def make(folder: Path, watch: Watch) -> Path:
        text = json.dumps(header).replace('CANARY', str(watch.canary)).encode()
        size = len(text) if length is None else length
        (folder / 'evil.safetensors').write_bytes(struct.pack('<Q', size) + text + bytes(8))
        return folder / 'evil.safetensors'

    return make


def entry(shape: list, offsets: list, dtype: str = 'F32') -> dict:
    return dict(x=dict(dtype=dtype, shape=shape, data_offsets=offsets))


TREE = dict(entry([2], [0, 8]), __metadata__=dict(tree='["call", "os.system", "touch CANARY"]'))


def arrays(kind: str) -> Callable[[Path, Watch], Path]:
    """NumPy's containers."""

    def make(folder: Path, watch: Watch) -> Path:
        path = folder / 'evil.npz'
        bad = np.array([Payload(watch.canary)], dtype=object)
        if kind == 'objects':
            np.savez(path, bad)
        elif kind == 'a pickle':
            path.write_bytes(pickle.dumps(Payload(watch.canary)))
        else:
            head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999,), }\n"
            body = b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head
            with zipfile.ZipFile(path, 'w') as archive:
                archive.writestr('x.npy', body)
                archive.writestr('../../outside/canary', b'x')
        return path

    return make


def data(content: bytes, suffix: str) -> Callable[[Path, Watch], Path]:
    """These bytes."""

    def make(folder: Path, watch: Watch) -> Path:
        (folder / f'evil{suffix}').write_bytes(content)
        return folder / f'evil{suffix}'

    return make


def config(text: str, suffix: str = '.yaml') -> Callable[[Path, Watch], Path]:
    """A config; CANARY and CONFIG in it are filled in; beside it lies a module that runs."""

    def make(folder: Path, watch: Watch) -> Path:
        (folder / 'evil_module.py').write_text(f'open({str(watch.canary)!r}, "w")\n')
        os.environ['HOSTILE'] = f"'+str(open({str(watch.canary)!r}, 'w'))+'"
        filled = text.replace('CANARY', str(watch.canary)).replace('CONFIG', CONFIG)
        (folder / f'evil{suffix}').write_text(filled)
        return folder / f'evil{suffix}'

    return make


def in_folder(folder: Path, watch: Watch) -> Path:
    """The folder's name is code, pasted where a config asks for it."""
    odd = folder / "'+str(open('canary','w'))+'"
    odd.mkdir()
    (odd / 'evil.py').write_text(f"_base_ = {CONFIG!r}\nlog_level = '{{{{ fileDirname }}}}'\n")
    return odd / 'evil.py'


def option(text: str) -> Callable[[Path, Watch], str]:
    """A value of ``--cfg-options``."""
    return lambda folder, watch: text.replace('CANARY', str(watch.canary))


def pickles() -> list[Case]:
    """Checkpoints that run code."""
    cases = [
        Case(f'{by} in {shape}, {"old" if legacy else "new"} format', '', saved(shape, by, legacy))
        for legacy in (False, True)
        for shape, by in zip(SHAPES, [*CALLS, *CALLS], strict=False)
    ]
    cases += [Case(f'bare pickle {p}', '', plain(p, '.pth')) for p in (2, 4)]
    cases += [Case('pickle as safetensors', '', plain(4, '.safetensors')), Case('tar', '', in_tar)]
    cases += [Case('zip slip', '', with_member('../../outside/canary'))]
    cases += [Case('absolute zip slip', '', with_member('{}'))]
    headers = {
        'code in the metadata': tensors(TREE),
        'a length of 2^60': tensors(entry([2], [0, 8]), 1 << 60),
        'a shape of 2^62': tensors(entry([1 << 62], [0, 8])),
        'offsets beyond the end': tensors(entry([2], [0, 1 << 40])),
        'overlapping tensors': tensors({**entry([2], [0, 8]), 'y': entry([2], [0, 8])['x']}),
        'an unknown type': tensors(entry([1], [0, 8], '__import__')),
    }
    cases += [Case(name, '', make) for name, make in headers.items()]
    return [case._replace(door=DOORS[i % len(DOORS)]) for i, case in enumerate(cases)]


def converted() -> list[Case]:
    """Sources of ``convert_weights``."""
    cases = [Case(f'npz: {k}', 'convert tf', arrays(k)) for k in ('objects', 'a pickle', 'a lie')]
    cases += [Case('caffe: objects', 'convert caffe', arrays('objects'))]
    if importlib.util.find_spec('tflite'):
        lie = b'\xff\xff\xff\x7fTFL3' + b'\xff' * 64
        cases += [Case('tflite: offsets that lie', 'convert tflite', data(lie, '.tflite'))]
    return cases


BOMB = 'a0: &a0 [x, x]\n' + ''.join(
    f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 9)}]\n' for i in range(1, 12)
)


def configs() -> list[Case]:
    """Configs that are data but would be code, and values of options."""
    apply = 'model: !!python/object/apply:os.system ["touch CANARY"]\n'
    texts = {
        'apply': (apply, '.yaml'),
        'new': ('x: !!python/object/new:os.system ["touch CANARY"]\n', '.yml'),
        'a module': ('x: !!python/module:evil_module\n', '.yaml'),
        'a name': ('x: !!python/name:os.system\n', '.yaml'),
        'an import': ('custom_imports: {imports: [evil_module]}\n', '.yaml'),
        'a Python base': ('_base_: evil_module.py\n', '.yaml'),
        'a bomb': (BOMB, '.yaml'),
        'the environment': ('log_level: "{{$HOSTILE:x}}"\n', '.yaml'),
        'a type': (json.dumps(dict(model=dict(type='os.system', command='touch CANARY'))), '.json'),
        'a hook': (json.dumps(dict(custom_hooks=[dict(type='evil_module.X')])), '.json'),
        'JSON import': (json.dumps(dict(custom_imports=dict(imports='evil_module'))), '.json'),
        'a deep JSON': ('{"a":' * 20000, '.json'),
        'the environment in Python': ("_base_ = 'CONFIG'\nlog_level = '{{$HOSTILE:x}}'\n", '.py'),
    }
    cases = [Case(f'config: {k}', 'config', config(*v)) for k, v in texts.items()]
    cases += [Case('config: code in the name of its folder', 'config', in_folder)]
    code = '__import__("os").system("touch CANARY")'
    values = (f'model.backbone.depth_multiplier={code}', f'model.backbone.init_cfg={{"a":{code}}}')
    return cases + [Case(f'option {i}', 'option', option(v)) for i, v in enumerate(values, 1)]
