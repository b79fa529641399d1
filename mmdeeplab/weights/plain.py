"""Write the weights of a checkpoint for other tools, without the training state."""

from pathlib import Path
from typing import Any

from torch import Tensor

from mmdeeplab.checkpoint.load import read_checkpoint, require_weights
from mmdeeplab.errors import UserError
from mmdeeplab.weights.convert import write
from mmdeeplab.weights.resolve import find_checkpoint

SUFFIXES = ('.pth', '.safetensors')


def write_plain(checkpoint: str, output: Path, part: str | None = None) -> dict[str, Tensor]:
    """Write the weights of a checkpoint, or of a part of it.

    Args:
        checkpoint: A file, a work dir (its newest checkpoint), or the name of a published model
            that is in the cache.
        output: A ``.pth`` file, which gets ``dict(state_dict=..., meta=...)`` and can be read by
            ``torch.load(weights_only=True)``; or a ``.safetensors`` file, with metadata as JSON.
        part: ``backbone``, ``neck`` or ``decode_head``: only its tensors, without that prefix.

    Returns:
        The tensors that were written, by name.

    Raises:
        UserError: There is no such checkpoint or part, or ``output`` has another suffix.
    """
    if output.suffix not in SUFFIXES:
        raise UserError(f'{output} must end in {" or ".join(SUFFIXES)}')
    path = find_checkpoint(checkpoint)
    loaded = read_checkpoint(path)
    require_weights(loaded.get('state_dict'), path)
    state = dict(loaded['state_dict'])
    if part:
        parts = sorted({key.partition('.')[0] for key in state})
        state = {
            k.removeprefix(f'{part}.'): v for k, v in state.items() if k.startswith(f'{part}.')
        }
        if not state:
            raise UserError(f'{path} has no part {part!r}; it has {", ".join(parts)}')
    write(output, state, metadata(loaded.get('meta') or {}))
    return state


def metadata(meta: dict[str, Any]) -> dict[str, object]:
    """The classes, palette and licence of a checkpoint, as far as it has them."""
    entries = {key: meta[key] for key in ('classes', 'licence') if meta.get(key)}
    named = meta.get('dataset_meta') or {}
    if named.get('classes'):
        entries['dataset_meta'] = {
            'classes': list(named['classes']),
            'palette': [list(map(int, colour)) for colour in named.get('palette') or ()],
        }
    return entries
