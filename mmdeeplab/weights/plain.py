"""The weights of a checkpoint for other tools: tensors by name, without the state of a training."""

from pathlib import Path
from typing import Any

from torch import Tensor

from mmdeeplab.checkpoint.load import read_checkpoint, require_weights
from mmdeeplab.errors import UserError
from mmdeeplab.weights.convert import write
from mmdeeplab.weights.resolve import find_checkpoint

SUFFIXES = ('.pth', '.safetensors')


def write_plain(checkpoint: str, output: Path, part: str | None = None) -> dict[str, Tensor]:
    """Write ``dict(state_dict=..., meta=...)`` that ``torch.load(weights_only=True)`` reads.

    Args:
        checkpoint: A file, a work dir, whose newest is taken, or a published name that is here.
        output: ``.pth``, or ``.safetensors`` of the tensors with the metadata as JSON.
        part: ``backbone``, ``neck`` or ``decode_head``: its tensors alone, without that prefix.

    Returns:
        The tensors that were written, by name.

    Raises:
        UserError: There is no such checkpoint or part, or ``output`` is of another kind.
    """
    if output.suffix not in SUFFIXES:
        raise UserError(f'{output} must end in {" or ".join(SUFFIXES)}')
    path = find_checkpoint(checkpoint)
    loaded = read_checkpoint(path)
    require_weights(loaded.get('state_dict'), path)
    state = {key: value.detach().cpu().contiguous() for key, value in loaded['state_dict'].items()}
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
    """Classes, palette and licence, as far as a checkpoint has them."""
    kept = {key: meta[key] for key in ('classes', 'licence') if meta.get(key)}
    named = meta.get('dataset_meta') or {}
    if named.get('classes'):
        kept['dataset_meta'] = {
            'classes': list(named['classes']),
            'palette': [list(map(int, colour)) for colour in named.get('palette') or ()],
        }
    return kept
