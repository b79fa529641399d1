"""The inverted residual block of MobileNetV2 and V3, and the network that is made of such blocks.

Source: `research/slim/nets/mobilenet/{conv_blocks,mobilenet}.py` of tensorflow/models; for the
style ``torchvision``, torchvision's `models/mobilenetv{2,3}.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mmseg.models.utils import make_divisible
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import choose
from mmdeeplab.models.atrous import Step, atrous_steps, check_output_stride
from mmdeeplab.models.backbones.base import Backbone
from mmdeeplab.models.layers.conv import hard_sigmoid
from mmdeeplab.models.layers.same_conv import padded_conv

# TF: decay 0.997, and slim's own epsilon.
MOBILE_NORM: dict = dict(type='BN', eps=1e-3, momentum=3e-3)


class Style(NamedTuple):
    """How MobileNets of different frameworks differ."""

    same: bool  # whether strided convolutions have TF's SAME padding, or a symmetric one
    strided_first: bool  # whether a block whose stride is removed dilates itself, too
    gate: Callable[[Tensor], Tensor]  # the activation at the end of squeeze-excite


STYLES = {
    'tf': Style(True, False, hard_sigmoid),
    'torchvision': Style(False, True, F.hardsigmoid),
}
TAPS = ('depthwise', 'last', 'first')


class BlockSpec(NamedTuple):
    """One row of the papers' tables of blocks; ``expansion`` is a number of channels."""

    kernel: int
    expansion: int
    channels: int
    squeeze: bool
    act: str
    stride: int


class SqueezeExcite(nn.Module):
    """Squeeze-and-excite: multiply each channel by a weight computed from the means of all.

    (N, C, H, W) -> same (MobileNetV3, section 5.3). mmseg's ``SELayer`` is not used: its gate has
    another slope, and it warns each time it is built.
    """

    def __init__(self, channels: int, gate: Callable[[Tensor], Tensor] = hard_sigmoid) -> None:
        super().__init__()
        self.gate = gate
        self.squeeze = nn.Conv2d(channels, make_divisible(channels / 4, 8), 1)
        self.excite = nn.Conv2d(self.squeeze.out_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * self.gate(self.excite(F.relu(self.squeeze(mean))))


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, squeeze-excite (if any), linear 1x1 projection.

    The input is added if the nominal stride is 1 and the number of channels stays. A block that
    does not widen its input has no expansion.
    """

    def __init__(
        self, in_channels: int, spec: BlockSpec, step: Step, *, norm_cfg: dict, style: Style
    ) -> None:
        super().__init__()
        wide = spec.expansion
        if wide > in_channels:
            self.expand = padded_conv(in_channels, wide, norm_cfg=norm_cfg, act=spec.act)
        self.depthwise = padded_conv(
            wide,
            wide,
            spec.kernel,
            stride=step.stride,
            rate=step.rate,
            norm_cfg=norm_cfg,
            act=spec.act,
            groups=wide,
            same=style.same,
        )
        if spec.squeeze:
            self.squeeze_excite = SqueezeExcite(wide, style.gate)
        self.project = padded_conv(wide, spec.channels, norm_cfg=norm_cfg, act=None)
        # The nominal stride counts, so that a network computes the same at every output stride. TF
        # uses the executed one, which differs in V3-Small's ninth block below output stride 32.
        self.residual = spec.stride == 1 and in_channels == spec.channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> the block's output, and the depthwise output before squeeze-excite."""
        depthwise = self.depthwise(self.expand(x) if hasattr(self, 'expand') else x)
        weighted = self.squeeze_excite(depthwise) if hasattr(self, 'squeeze_excite') else depthwise
        y = self.project(weighted)
        return (x + y if self.residual else y), depthwise


class InvertedResidualNet(Backbone):
    """A MobileNet: a strided 3x3 stem, a list of blocks, and a last 1x1 convolution, if any.

    Returns four maps: one of stride 4, 8 and 16 each, and the output at the output stride.

    Args:
        specs: The blocks.
        in_channels: Channels of the image.
        stem_channels: Channels of the stem.
        stem_act: Activation of the stem and of the last convolution.
        last_channels: Channels of the last 1x1 convolution; 0 for none.
        style: ``'tf'``: strided convolutions have SAME padding. ``'torchvision'``: padding is
            symmetric, a block whose stride is removed dilates itself, too (so the maps differ from
            those at output stride 32 even where their pixels coincide), and the gate of
            squeeze-excite divides by exactly 6.
        taps: What the maps of stride 4, 8 and 16 are. ``'depthwise'``: TF's decoder end points, the
            output of the depthwise convolution in the last block at the stride. ``'last'`` or
            ``'first'``: the output of the last or the first block at the stride.
        output_stride: 8, 16 or 32.
        norm_cfg: Norm layer.
        norm_eval: Keep BN statistics frozen in training; gamma and beta still train.
        init_cfg: MMEngine initialisation; by default TF's truncated normal, std 0.09.
    """

    def __init__(
        self,
        specs: Sequence[BlockSpec],
        *,
        in_channels: int,
        stem_channels: int,
        stem_act: str,
        last_channels: int,
        style: str,
        taps: str,
        output_stride: int,
        norm_cfg: dict,
        norm_eval: bool,
        init_cfg: dict | None,
    ) -> None:
        super().__init__(norm_eval, init_cfg)
        choose('style', style, tuple(STYLES))
        choose('taps', taps, TAPS)
        self.output_stride = check_output_stride(output_stride)
        same, strided_first, _ = STYLES[style]
        layers: dict[str, Any] = dict(norm_cfg=norm_cfg, act=stem_act)
        self.stem = padded_conv(in_channels, stem_channels, 3, stride=2, same=same, **layers)
        strides = [spec.stride for spec in specs]
        steps = atrous_steps(strides, output_stride, reached=2, strided_first=strided_first)
        self.blocks = nn.ModuleList()
        in_channels = stem_channels
        for spec, step in zip(specs, steps, strict=True):
            block = InvertedResidual(
                in_channels, spec, step, norm_cfg=norm_cfg, style=STYLES[style]
            )
            self.blocks.append(block)
            in_channels = spec.channels
        if last_channels:
            self.last = padded_conv(in_channels, last_channels, **layers)
        strided = [i for i, stride in enumerate(strides) if stride == 2]  # to stride 4, 8, 16, 32
        self.taps = taps
        self.returned = strided[:-1] if taps == 'first' else [i - 1 for i in strided[1:]]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)
        maps = []
        for i, block in enumerate(self.blocks):
            x, depthwise = block(x)
            if i in self.returned:
                maps.append(depthwise if self.taps == 'depthwise' else x)
        return (*maps, self.last(x) if hasattr(self, 'last') else x)
