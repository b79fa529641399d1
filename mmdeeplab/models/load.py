"""Weights from a file into a network that exists."""

from pathlib import Path

from torch import nn

from mmdeeplab.checkpoint.key_prefixes import unwrapped
from mmdeeplab.checkpoint.load import check_fit, read_checkpoint, unwrap
from mmdeeplab.models.norms.norm_layers import match_norm


def load_weights(model: nn.Module, path: str | Path) -> dict:
    """Fill a model, also a wrapped one, from a checkpoint that must fit; return the checkpoint."""
    checkpoint = read_checkpoint(path)
    network = unwrap(model)
    checkpoint['state_dict'] = state = unwrapped(
        checkpoint['state_dict'], network.state_dict(), path
    )
    match_norm(network, state)
    check_fit(state, network, path)
    network.load_state_dict(state)
    return checkpoint
