"""Read the tensors of PyTorch files (``.pth``, ``.bin``, ``.safetensors``) as arrays."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from mmdeeplab.checkpoint.key_prefixes import UPDATES, common_prefix, held, say
from mmdeeplab.checkpoint.load import read_checkpoint, unusual
from mmdeeplab.checkpoint.mismatch import COUNTER
from mmdeeplab.errors import UserError
from mmdeeplab.weights.table import Array


def read_file(path: Path, trust: bool = False) -> dict:
    """Read a checkpoint, with its tensors under the key ``state_dict``.

    Args:
        path: The file.
        trust: If PyTorch's restricted unpickler refuses the file, use the unrestricted one, which
            runs any code in it.

    Raises:
        UserError: The file is missing, damaged, would run code, or has no state dict.
    """
    try:
        return read_checkpoint(path)
    except UserError as error:
        if not isinstance(error.__cause__, pickle.UnpicklingError):
            raise
        if not trust:
            raise UserError(
                f'{error}. If you trust whoever made it with all that you may do on this machine, '
                'add --trust'
            ) from error
        return unrestricted(path)


def read_tensors(path: Path, trust: bool = False) -> dict[str, Array]:
    """Read a state dict, or the one inside a checkpoint, without BN's counters.

    Args:
        path: The file.
        trust: As for :func:`read_file`.

    Raises:
        UserError: The file cannot be read, has no state dict, or values that are no weights.
    """
    state = read_file(path, trust)['state_dict']
    state = {k: v for k, v in state.items() if str(k).rpartition('.')[2] not in UPDATES}
    for name, value in state.items():
        if not isinstance(value, Tensor) or not isinstance(name, str):
            raise UserError(f'{path} holds no state dict: {name!r} is not the name of a tensor')
        if fault := unusual(value):
            raise UserError(f'{path} holds weights that cannot be used: {name} is {fault}')
    if prefix := common_prefix(list(state)):
        say(f'{path}: the keys carry the prefix {prefix}, taken away')
    return {
        name.removeprefix(prefix): tensor.detach().float().numpy()
        for name, tensor in state.items()
        if not name.endswith(COUNTER)
    }


def unrestricted(path: Path) -> dict:
    """Unpickle a checkpoint without restrictions, which runs any code in the file.

    Raises:
        UserError: Unpickling raised an error, of any kind.
    """
    try:
        loaded = torch.load(path, map_location='cpu', weights_only=False)
    except Exception as error:
        raise UserError(f'{path} is not a readable checkpoint: {error}') from error
    contents = held(loaded) if isinstance(loaded, dict) else {}
    if not isinstance(contents.get('state_dict'), dict):
        raise UserError(f'{path} holds no state dict but a {type(loaded).__name__}')
    return contents
