"""Weights from a file into a network that exists."""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from mmdeeplab.checkpoint.key_prefixes import say, unwrapped
from mmdeeplab.checkpoint.load import check_fit, read_checkpoint, require_weights, unwrap
from mmdeeplab.models.norms.norm_layers import match_norm


def read_weights(
    network: nn.Module, path: str | Path, say: Callable[[str], object] = say
) -> tuple[dict, int]:
    """A checkpoint whose ``state_dict`` has the keys of a network.

    Group norms of the file replace the network's batch norms.

    Args:
        network: Without wrappers for processes, scales, windows or a CRF.
        path: The file.
        say: Takes the notice of a prefix that is taken away.

    Returns:
        The checkpoint, and how many norms were replaced.

    Raises:
        UserError: The file is missing, broken, unsafe, or holds no usable weights.
    """
    checkpoint = read_checkpoint(path)
    state = unwrapped(checkpoint['state_dict'], network.state_dict(), path, say)
    require_weights(state, path)
    checkpoint['state_dict'] = state
    return checkpoint, match_norm(network, state)


def load_weights(model: nn.Module, path: str | Path) -> dict:
    """Fill a model, also a wrapped one, from a checkpoint that must fit; return the checkpoint."""
    network = unwrap(model)
    checkpoint, _ = read_weights(network, path)
    check_fit(checkpoint['state_dict'], network, path)
    network.load_state_dict(checkpoint['state_dict'])
    return checkpoint
