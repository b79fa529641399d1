"""fc6 and fc7 of DeepLab v1 and v2 (arXiv 1412.7062, section 3; 1606.00915, sections 3.1, 4.1)."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmdeeplab.models.layers.conv import RELU
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS


def branch(in_channels: int, channels: int, kernel: int, rate: int, dropout: float) -> nn.Module:
    """fc6, ReLU, dropout, fc7, ReLU, dropout: (N, in_channels, H, W) -> (N, channels, H, W)."""
    reach = (kernel - 1) * rate
    if rate < 1 or reach % 2:
        raise ValueError(
            f'a {kernel}x{kernel} kernel at rate {rate} has no padding that keeps the size: '
            f'(kernel_size - 1) * rate must be even, and the rate at least 1'
        )
    fc6 = ConvModule(in_channels, channels, kernel, padding=reach // 2, dilation=rate, act_cfg=RELU)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        fc6=fc6,
        drop6=nn.Dropout(dropout),
        fc7=ConvModule(channels, channels, 1, act_cfg=RELU),
        drop7=nn.Dropout(dropout),
    )
    return nn.Sequential(layers)


@MODELS.register_module()
class LargeFOVNeck(BaseModule):
    """VGG's fully connected layers fc6 and fc7 as convolutions, with one branch for each rate.

    Takes the maps of the backbone and returns as many, of which only the last has changed:
    (N, in_channels, H, W) -> (N, len(rates) * channels, H, W).

    With one rate this is LargeFOV, with several the ASPP of DeepLab v2. The paper gives each branch
    a classifier and sums their scores. Here the branches are concatenated for one 1x1 classifier,
    which computes the same; its bias is the sum of theirs.

    Args:
        in_channels: Channels of the last map.
        channels: Channels of fc6 and fc7.
        kernel_size: Side of fc6's kernel: 3, or 4 or 7 in the other models of v1.
        rates: Atrous rates of fc6 at output stride 8: (12,) is LargeFOV, (2, 4, 8, 12) ASPP-S,
            (6, 12, 18, 24) ASPP-L.
        dropout: Probability of dropping an element of fc6 and of fc7.
        init_cfg: MMEngine initialisation; without it mmcv's Kaiming normal.

    Raises:
        ValueError: There is no rate, or one at which no padding keeps the map's size.
    """

    rates_stride = 8
    """The output stride at which the default rates hold."""

    def __init__(
        self,
        in_channels: int = 512,
        channels: int = 1024,
        kernel_size: int = 3,
        rates: Sequence[int] = (12,),
        dropout: float = 0.5,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not rates:
            raise ValueError('rates must name at least one rate, got ()')
        self.rates = tuple(rates)
        self.branches = nn.ModuleList(
            branch(in_channels, channels, kernel_size, rate, dropout) for rate in rates
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        *low_level, x = maps
        return (*low_level, torch.cat([branch(x) for branch in self.branches], 1))
