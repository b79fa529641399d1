"""Load weights from a file into a network that is already built."""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from mmdeeplab.checkpoint.key_prefixes import say, unwrapped
from mmdeeplab.checkpoint.load import (
    check_fit,
    read_checkpoint,
    require_weights,
    unwrap,
    with_counters,
)
from mmdeeplab.models.norms.norm_layers import match_norm


def read_weights(
    network: nn.Module, path: str | Path, say: Callable[[str], object] = say
) -> tuple[dict, int]:
    """Read a checkpoint and rename the keys of its ``state_dict`` to those of a network.

    Where the file has group norms, they replace the network's batch norms.

    Args:
        network: A segmentor without wrappers for processes, scales, windows or a CRF.
        path: The checkpoint's file.
        say: Called with a sentence if a prefix is removed from the keys.

    Returns:
        The checkpoint, and the number of norms that were replaced.

    Raises:
        UserError: The file is missing, broken, unsafe, or holds no usable weights.
    """
    checkpoint = read_checkpoint(path)
    state = unwrapped(checkpoint['state_dict'], network.state_dict(), path, say)
    require_weights(state, path)
    checkpoint['state_dict'] = state
    return checkpoint, match_norm(network, state)


def load_weights(model: nn.Module, path: str | Path) -> dict:
    """Load a checkpoint, which must fit, into a model or the network inside its wrappers.

    Returns:
        The checkpoint.
    """
    network = unwrap(model)
    checkpoint, _ = read_weights(network, path)
    checkpoint['state_dict'] = with_counters(checkpoint['state_dict'], network)
    check_fit(checkpoint['state_dict'], network, path)
    network.load_state_dict(checkpoint['state_dict'])
    return checkpoint
