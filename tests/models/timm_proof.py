"""Dense equals nominal, for networks of timm: what the tests assert and docs' table tells.

A mean over the whole map is another one on a finer map. So in both networks every such mean is
replaced by the first pixel, which both maps have; then the rest must agree.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from mmdeeplab.models.backbones.timm_backbone import TimmBackbone

STRIDES = (8, 16)
# Sides 32 k + 1 suit windows with a pixel in the middle, 32 k those side by side.
SIZES = ((97, 65), (96, 64), (193, 161))  # the last for Inceptions, which shrink the map
MEANS = ('mean', 'amax', 'var', 'std', 'norm')
AXES = ((2, 3), (1, 2))  # of a map with channels in front, and behind


class FirstPixel(TorchFunctionMode):
    """Replace what is computed over a whole map (N, C, H, W) or (N, H, W, C) by its first pixel."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        x = args[0] if args else None
        if isinstance(x, Tensor) and x.dim() == 4:
            pooled = function in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)
            if pooled and args[1] in (1, (1, 1), [1, 1]):
                return x[:, :, :1, :1]
            if function is F.group_norm:  # over the channels of each pixel in the map's place
                given = dict(zip(('groups', 'weight', 'bias'), args[1:], strict=False)) | kwargs
                values = given.get('weight'), given.get('bias')
                return F.layer_norm(x.movedim(1, 3), x.shape[1:2], *values).movedim(3, 1)
            if getattr(function, '__name__', '') in MEANS:
                given = dict(zip(('dim', 'keepdim'), args[1:], strict=False)) | kwargs
                axes = given.get('dim')
                if (
                    isinstance(axes, (tuple, list))
                    and (chosen := tuple(axis % 4 for axis in axes)) in AXES
                ):
                    for axis in chosen:
                        x = x.narrow(axis, 0, 1)
                    return x if given.get('keepdim') else x.squeeze(chosen)
        return function(*args, **kwargs)


@torch.no_grad()
def randomise(network: nn.Module) -> None:
    """Statistics and scales as after training: at the start many branches are multiplied by 0."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    for parameter in network.parameters():
        flat = parameter.dim() == 1 or parameter.shape[1:].numel() == 1
        if flat and float(parameter.abs().max()) < 0.01:
            nn.init.normal_(parameter, std=0.3)


def difference(name: str, size: tuple[int, int], strides: Iterable[int] = STRIDES) -> float:
    """The largest difference between dense and nominal maps, as a part of the largest value.

    In float32, over all maps at all the output strides; infinite where sizes are not equal.
    """
    torch.manual_seed(0)
    nominal = TimmBackbone(name).eval()
    randomise(nominal)
    image = torch.randn(1, 3, *size)
    worst = 0.0
    with torch.no_grad(), FirstPixel():
        coarse = nominal(image)
        for stride in strides:
            dense = TimmBackbone(name, output_stride=stride).eval()
            dense.load_state_dict(nominal.state_dict())
            rows = zip(coarse, dense(image), nominal.strides, dense.strides, strict=True)
            for old, new, far, near in rows:
                step = far // near
                new = new[:, :, ::step, ::step]
                scale = float(old.abs().max())
                if new.shape != old.shape or not 0 < scale < float('inf'):
                    return float('inf')
                worst = max(worst, float((new - old).abs().max()) / scale)
                if not new.isfinite().all():
                    return float('inf')
    return worst


def proved(name: str, tolerance: float = 1e-4) -> tuple[int, int] | None:
    """The first of :data:`SIZES` at which dense equals nominal, or None."""
    for size in SIZES:
        try:
            worst = difference(name, size)
        except RuntimeError:  # the network itself does not run at such sides
            continue
        if worst < tolerance:
            return size
    return None
