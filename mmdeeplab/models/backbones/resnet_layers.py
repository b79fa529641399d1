"""Stem, pool and bottleneck unit of the atrous ResNet, in the styles of several frameworks."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.atrous import Step
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.models.layers.same_conv import fixed_size


class Style(NamedTuple):
    """Which unit and which convolution of a ResNet block have its stride."""

    at_end: bool  # whether it is the last unit of a block, or the first one of the next block
    strided: str  # the convolution of that unit that strides; its shortcut always does
    strided_first: bool  # whether a unit whose stride is removed dilates itself, too


STYLES = {
    'tf': Style(True, 'conv2', False),
    'caffe': Style(False, 'conv1', True),
    'torchvision': Style(False, 'conv2', False),
    'smp': Style(False, 'conv2', True),
}


class SamePool(nn.Module):
    """3x3 max pool of stride 2 with TF's padding: (N, C, H, W) -> (N, C, H/2, W/2), rounded up.

    An odd side is padded by 1 pixel at both ends, an even side by 1 pixel at its end only. In an
    export with open sizes the padding is 0, which is never the maximum: the input comes from a
    ReLU.
    """

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if not fixed_size(x):
            return F.max_pool2d(F.pad(x, (width % 2, 1, height % 2, 1)), 3, 2)
        return F.max_pool2d(x, 3, 2, padding=(height % 2, width % 2), ceil_mode=True)


def max_pool(style: str) -> nn.Module:
    """The max pool behind the stem; the styles pad even sides differently."""
    return SamePool() if style == 'tf' else nn.MaxPool2d(3, 2, 1, ceil_mode=style == 'caffe')


def deep_stem(in_channels: int, norm_cfg: dict, width: int) -> nn.Sequential:
    """Three 3x3 convolutions, (N, in_channels, H, W) -> (N, 2 * width, H/2, W/2)."""
    return nn.Sequential(
        ConvModule(in_channels, width, 3, stride=2, padding=1, norm_cfg=norm_cfg),
        ConvModule(width, width, 3, padding=1, norm_cfg=norm_cfg),
        ConvModule(width, 2 * width, 3, padding=1, norm_cfg=norm_cfg),
    )


def plain_stem(in_channels: int, norm_cfg: dict) -> nn.Sequential:
    """One 7x7 convolution, (N, in_channels, H, W) -> (N, 64, H/2, W/2)."""
    return nn.Sequential(ConvModule(in_channels, 64, 7, stride=2, padding=3, norm_cfg=norm_cfg))


STEMS: dict[str, Callable[[int, dict], nn.Sequential]] = {
    'beta': partial(deep_stem, width=64),
    'v1c': partial(deep_stem, width=32),
    '7x7': plain_stem,
}


class Bottleneck(nn.Module):
    """A ResNet unit: 1x1, 3x3 and 1x1 convolution, added to a shortcut.

    If the unit changes the number of channels, its shortcut has a 1x1 convolution.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the 3x3 convolution; the output has four times as many.
        step: Executed stride of the unit, and rate of its 3x3 convolution.
        style: The key of :data:`STYLES` that says which convolution strides.
        norm_cfg: Norm layer.
    """

    def __init__(
        self, in_channels: int, channels: int, step: Step, *, style: str, norm_cfg: dict
    ) -> None:
        super().__init__()
        self.stride, rate = step
        first, second = (self.stride, 1) if STYLES[style].strided == 'conv1' else (1, self.stride)
        self.conv1 = ConvModule(in_channels, channels, 1, stride=first, norm_cfg=norm_cfg)
        self.conv2 = ConvModule(
            channels,
            channels,
            3,
            stride=second,
            padding=rate,  # symmetric even if strided: TF pads explicitly here, not by SAME
            dilation=rate,
            norm_cfg=norm_cfg,
        )
        self.conv3 = ConvModule(channels, 4 * channels, 1, norm_cfg=norm_cfg, act_cfg=None)
        self.shortcut = None
        if in_channels != 4 * channels:
            self.shortcut = ConvModule(
                in_channels, 4 * channels, 1, stride=self.stride, norm_cfg=norm_cfg, act_cfg=None
            )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> the unit's output, and the residual before addition and ReLU."""
        residual = self.conv3(self.conv2(self.conv1(x)))
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.relu(x + residual), residual
