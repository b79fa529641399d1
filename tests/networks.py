"""Networks with weights by chance that tell pictures apart."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmdeeplab.models.analysis import input_channels


def random_checkpoint(cfg: Config, folder: Path) -> Path:
    """``folder/random.pth`` with weights for ``cfg``, under which noise has several labels."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    for layer in model.modules():  # features of size one
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        bands = input_channels(model)
        model.train()(torch.rand(4, bands, 65, 65) * 2 - 1, mode='tensor')
    nn.init.normal_(model.decode_head.conv_seg.weight)
    path = folder / 'random.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path
