"""Read checkpoints without executing code in them, and refuse those that do not fit."""

import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import Tensor, nn

from mmdeeplab.checkpoint import store
from mmdeeplab.checkpoint.key_prefixes import held
from mmdeeplab.checkpoint.mismatch import COUNTER, describe
from mmdeeplab.checkpoint.safetensors_layout import is_safetensors
from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive_formats import require_bounded_zip
from mmdeeplab.fileio.checksum import taken_for_weights
from mmdeeplab.fileio.input_files import require_regular
from mmdeeplab.finite import broken

try:
    from numpy._core import multiarray  # NumPy 2
except ImportError:
    from numpy.core import multiarray  # type: ignore[no-redef]


def statistic_of_history(owner: type, name: str) -> object:
    """A safe replacement of ``getattr``, which MMEngine's pickles use for logged statistics."""
    if owner is not HistoryBuffer or name not in ('max', 'min', 'current', 'mean'):
        raise pickle.UnpicklingError(f'GLOBAL getattr of {name!r}')
    return getattr(owner, name)


# NumPy's arrays and scalars among the training state and MMEngine's histories of logged values,
# which are such arrays: plain data, no behaviour.
SAFE_TYPES: list = [
    HistoryBuffer,
    (statistic_of_history, 'builtins.getattr'),
    np.ndarray,
    np.dtype,
    multiarray._reconstruct,
    multiarray.scalar,
    *(type(np.dtype(name)) for name in ('bool', 'int32', 'int64', 'uint8', 'float32', 'float64')),
]

ADDRESS = re.compile(r'[A-Za-z][\w+-]+://')


def read_checkpoint(path: str | Path, map_location: str = 'cpu') -> dict:
    """Read safetensors, or a file of ``torch.save`` by PyTorch's restricted unpickler.

    Which of the two a file is, its content tells.

    Returns:
        A dict with ``state_dict`` and whatever else the file holds (``meta``, ``optimizer``, ...).

    Raises:
        UserError: The file is missing, broken, or would run code when it is loaded.
    """
    refuse_address(str(path))
    path = Path(path)
    if not os.path.lexists(path):
        raise UserError(f'no checkpoint at {path}')
    require_regular(path, 'checkpoint')
    if words := taken_for_weights(path):
        raise UserError(f'the checkpoint {path} {words}')
    try:
        if is_safetensors(path):
            loaded = store.load(path, device=str(map_location))
        else:
            check_archive(path)
            with torch.serialization.safe_globals(SAFE_TYPES):
                loaded = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        text = str(error)  # torch's advice to read it without restrictions is left out
        reasons = re.findall(r'GLOBAL \S+', text) or re.findall(r'Unpickler error:\s+(.+)', text)
        raise UserError(
            f'{path} is not loaded: it is no checkpoint, or reading it could run code '
            f'({(reasons or [text])[0]})'
        ) from error
    except Exception as error:  # safetensors and zip readers raise many kinds
        if 'TorchScript' in str(error):
            raise UserError(
                f'{path} is TorchScript, a program: save the state_dict() of its network'
            ) from error
        raise UserError(f'{path} is not a readable checkpoint: {error}') from error
    if not isinstance(loaded, dict):
        raise UserError(f'{path} holds no weights but a {type(loaded).__name__}')
    return held(loaded)


def refuse_address(path: str) -> None:
    """Refuse addresses (``https://...``), which MMEngine would download and unpickle unsafely.

    Raises:
        UserError: ``path`` begins with a scheme; it says how to get weights.
    """
    if ADDRESS.match(path):
        raise UserError(
            f'{path} is no file, and nothing is fetched by the way: `{tool("weights")} list` names '
            f'the weights that `{tool("weights")} get NAME` fetches and checks; others are brought '
            f"over by {tool('convert_weights')}, for init_cfg=dict(type='Pretrained', "
            "checkpoint=FILE, prefix='backbone.')"
        )


def require_weights(state: object, path: str | Path) -> None:
    """Refuse a state dict that is not tensors by name, or has values that no network can use.

    Raises:
        UserError: It names every tensor concerned.
    """
    if not isinstance(state, Mapping) or not state:
        raise UserError(f'{path} holds no weights: no tensors by name')
    odd = [key for key in state if not isinstance(state[key], Tensor) or not isinstance(key, str)]
    if odd:
        raise UserError(f'{path} holds no weights: {odd[0]!r} is no tensor')
    plain = {key: value for key, value in state.items() if not unusual(value)}
    faults = {
        'not finite (NaN or Inf)': broken(plain),
        'impossible, a variance below 0': [
            key
            for key, value in plain.items()
            if key.endswith('running_var') and bool((value < 0).any())
        ],
    }
    for key, value in state.items():
        if key not in plain:
            faults.setdefault(unusual(value), []).append(key)
    if any(faults.values()):
        raise UserError(describe(f'{path} holds weights that cannot be used', faults))


def unusual(tensor: Tensor) -> str:
    """What makes a tensor useless as weights, in words; empty for plain real numbers."""
    if tensor.is_complex():
        return 'of complex numbers'
    if tensor.is_meta:
        return 'without values (on the device "meta")'
    if tensor.layout != torch.strided:
        return 'sparse'
    if tensor.is_quantized or (tensor.is_floating_point() and tensor.itemsize < 2):
        return f'of quantised numbers ({tensor.dtype})'
    return ''


def check_archive(path: Path) -> None:
    """Verify the checksums in a zip file, which PyTorch writes but does not check."""
    require_bounded_zip(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if broken := archive.testzip():
                raise ValueError(f'{broken} inside does not fit its checksum')


def unwrap(model: Any) -> Any:
    """The network inside wrappers for several processes, several scales or a CRF."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def with_counters(state: Mapping[str, Tensor], model: nn.Module) -> Mapping[str, Tensor]:
    """Weights with the counters of those BatchNorms whose statistics they have.

    Files from before PyTorch 0.4.1, and of other tools, have none, and nothing reads them.
    """
    missing = {
        key: value
        for key, value in model.state_dict().items()
        if key.endswith(COUNTER)
        and key not in state
        and key.removesuffix(COUNTER) + 'running_mean' in state
    }
    return {**state, **missing} if missing else state


def check_fit(state: Mapping[str, Tensor], model: nn.Module, path: str | Path) -> None:
    """Refuse a state dict whose tensors are not exactly those of a model.

    Raises:
        UserError: It names every tensor that is missing, unknown, or of another shape or type.
    """
    require_weights(state, path)
    expected = model.state_dict()
    if not expected.keys() & state.keys() and any(f'backbone.{key}' in expected for key in state):
        raise UserError(
            f'{path} holds a backbone alone: load_from and the init_cfg of a backbone take it '
            "(dict(type='Pretrained', checkpoint=FILE)); the network needs a whole one"
        )
    faults = {
        'missing from the file': [key for key in expected if key not in state],
        'unknown to the model': [key for key in state if key not in expected],
        'of another shape': [
            f'{key}: file {tuple(state[key].shape)}, model {tuple(expected[key].shape)}'
            for key in expected
            if key in state and state[key].shape != expected[key].shape
        ],
        'of another kind of numbers': [
            f'{key}: file {state[key].dtype}, model {expected[key].dtype}'
            for key in expected
            if key in state and state[key].is_floating_point() != expected[key].is_floating_point()
        ],
    }
    if any(faults.values()):
        raise UserError(describe(f'{path} does not fit the model', faults))
