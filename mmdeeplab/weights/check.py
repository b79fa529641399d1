"""Our network with converted weights beside the network they came from."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmdeeplab.weights.peers import Peer


class Difference(NamedTuple):
    """Of one picture: its (H, W), the largest absolute difference, and that of zero to the peer."""

    size: tuple[int, int]
    largest: float
    scale: float


def nominal_backbone(cfg: Config) -> nn.Module:
    """The backbone of a config as a classifier runs it: output stride 32, no multi-grid."""
    backbone = {key: value for key, value in cfg.model.backbone.items() if key != 'multi_grid'}
    if cfg.model.backbone.type == 'mmdeeplab.AtrousResNet':
        backbone['multi_grid'] = (1, 1, 1)
    return MODELS.build(backbone | dict(output_stride=32))


def ours_on(model: nn.Module, x: Tensor) -> Tensor:
    """Logits (1, classes, H, W) of a segmentor, or the last map of a backbone."""
    if not hasattr(model, 'encode_decode'):
        return model(x)[-1]
    return model.encode_decode(x, [dict(img_shape=x.shape[2:], pad_shape=x.shape[2:])])


def differences(
    cfg: Config, state: Mapping[str, Tensor], part: str, peer: Peer
) -> list[Difference]:
    """Run both on pictures of seeded noise.

    Args:
        cfg: The config of our network.
        state: Its converted weights.
        part: ``'model'`` or ``'backbone'``: what of it they are, and is compared.
        peer: The other network.
    """
    segmentor = MODELS.build(cfg.model).eval()
    model = segmentor
    if part == 'backbone':
        model = nominal_backbone(cfg).eval()
        state = {key.removeprefix('backbone.'): value for key, value in state.items()}
    model.load_state_dict(state)
    found = []
    for size in peer.sizes:
        noise = torch.Generator().manual_seed(0)
        picture = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=noise)
        preprocessor = segmentor.data_preprocessor
        x = (picture - preprocessor.mean) / preprocessor.std
        with torch.no_grad():
            theirs = peer.run(picture, x)
            gap = (ours_on(model, x) - theirs).abs().max()
        found.append(Difference(size, gap.item(), theirs.abs().max().item()))
    return found
