"""Seeded random weights and BN statistics for any network."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def randomise(model: nn.Module, image: Tensor, seed: int = 0) -> nn.Module:
    """Fill ``model`` with weights of its own making, and return it in evaluation mode.

    Kernels are He-normal, affine parameters and biases random. Statistics are those of ``image``,
    each off by a random factor, so that no layer's output vanishes or explodes.
    """
    torch.manual_seed(seed)
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    for conv in (m for m in model.modules() if isinstance(m, nn.Conv2d)):
        nn.init.kaiming_normal_(conv.weight, nonlinearity='relu')
        if conv.bias is not None:
            nn.init.normal_(conv.bias, std=0.5)
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.3)
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(image)
        for norm in norms:
            norm.running_mean += 0.2 * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.7, 1.4)
            norm.running_var.clamp_(min=0.2)  # means of whole maps hardly vary
    return model.eval()
