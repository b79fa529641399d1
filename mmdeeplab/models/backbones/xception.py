"""Modified aligned Xception (DeepLabv3+, arXiv 1802.02611, section 3.2 and figure 4).

The paper has a ReLU behind every depthwise convolution, the released code only in the last unit.
This follows the code, `research/deeplab/core/xception.py`, to which the published weights belong.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import choose
from mmdeeplab.models.atrous import Step, atrous_steps, check_output_stride
from mmdeeplab.models.backbones.base import Backbone
from mmdeeplab.models.layers.conv import RELU
from mmdeeplab.models.layers.conv_module import ConvModule, SeparableConvModule
from mmdeeplab.registry import MODELS


class UnitSpec(NamedTuple):
    """One unit of the paper's figure 4: three separable convolutions and a shortcut."""

    channels: tuple[int, int, int]
    stride: int = 1
    shortcut: str | None = 'conv'
    act_inside: bool = False


ENTRY_FLOW = {
    41: (UnitSpec((128,) * 3, 2), UnitSpec((256,) * 3, 2), UnitSpec((728,) * 3, 2)),
    71: (
        UnitSpec((128,) * 3, 2),
        UnitSpec((256,) * 3),
        UnitSpec((256,) * 3, 2),
        UnitSpec((728,) * 3),
        UnitSpec((728,) * 3, 2),
    ),
}
ENTRY_FLOW[65] = ENTRY_FLOW[41]
MIDDLE_UNITS = {41: 8, 65: 16, 71: 16}
MIDDLE = UnitSpec((728,) * 3, shortcut='sum')
EXIT_FLOW = (
    UnitSpec((728, 1024, 1024), 2),
    UnitSpec((1536, 1536, 2048), shortcut=None, act_inside=True),
)


class XceptionUnit(nn.Module):
    """Three separable convolutions, the last one strided, and a shortcut.

    Without ``act_inside`` each separable convolution is ReLU -> depthwise -> BN -> pointwise -> BN;
    with it depthwise -> BN -> ReLU -> pointwise -> BN -> ReLU. The shortcut sees the raw input.

    Args:
        in_channels: Channels of the input.
        spec: Channels, nominal stride, shortcut and place of the ReLUs.
        step: Executed stride and rate of the unit.
        multi_grid: Factors on the rate, one for each of the three convolutions.
        norm_cfg: Norm layer.
    """

    def __init__(
        self,
        in_channels: int,
        spec: UnitSpec,
        step: Step,
        *,
        multi_grid: Sequence[int],
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.spec = spec
        act = RELU if spec.act_inside else None
        widths = (in_channels, *spec.channels)
        convs = []
        for i, grid in enumerate(multi_grid):
            conv = SeparableConvModule(
                widths[i],
                widths[i + 1],
                step.rate * grid,
                stride=step.stride if i == 2 else 1,
                relu_first=not spec.act_inside,
                norm_cfg=norm_cfg,
                act_cfg=act,
            )
            convs.append(conv)
        self.sep1, self.sep2, self.sep3 = convs
        if spec.shortcut == 'conv':
            self.shortcut = ConvModule(
                in_channels,
                widths[-1],
                1,
                stride=step.stride,
                norm_cfg=norm_cfg,
                act_cfg=None,
            )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> the unit's output, and the output of ``sep2`` before any ReLU."""
        second = self.sep2(self.sep1(x))
        y = self.sep3(second)
        if self.spec.shortcut == 'conv':
            y = y + self.shortcut(x)
        elif self.spec.shortcut == 'sum':
            y = y + x
        return y, second


@MODELS.register_module()
class Xception(Backbone):
    """Xception-41, -65 or -71 with atrous convolution.

    Input (N, in_channels, H, W), RGB scaled to [-1, 1]. Output, nominal strides in the first row:

    ======== ================== ================== =================== =========================
    index    0: stride 4        1: stride 8        2: stride 16        3: the end
    size     (N, 256, H/4, W/4) (N, 728, H/8, W/8) (N, 1024, H/16, ..) (N, 2048, H/os, W/os)
    ======== ================== ================== =================== =========================

    Maps 0 to 2 are TF's decoder end points: outputs of BN, by default before the ReLU that follows
    it. Sizes round up, and a map is never coarser than the output stride.

    Args:
        depth: 41, 65 or 71.
        output_stride: 8, 16 or 32.
        multi_grid: Factors on the rates of the last unit's three convolutions.
        taps: ``'norm'``: maps 0 to 2 are the outputs of BN, as in TF. ``'relu'``: those of the ReLU
            behind it, as in timm.
        in_channels: Channels of the image.
        norm_cfg: Norm layer; the default is TF's (decay 0.9997, epsilon 1e-3).
        norm_eval: Keep BN statistics frozen in training; gamma and beta still train.
        init_cfg: MMEngine initialisation; without it TF's truncated normal, std 0.09.

    Raises:
        ValueError: An unknown depth or output stride.
    """

    def __init__(
        self,
        depth: int = 65,
        output_stride: int = 16,
        multi_grid: Sequence[int] = (1, 1, 1),
        taps: str = 'norm',
        in_channels: int = 3,
        norm_cfg: dict = dict(type='BN', eps=1e-3, momentum=3e-4),
        norm_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(norm_eval, init_cfg)
        choose('depth', depth, sorted(MIDDLE_UNITS))
        choose('taps', taps, ('norm', 'relu'))
        if len(multi_grid) != 3:
            raise ValueError(f'multi_grid must have 3 factors, got {tuple(multi_grid)}')
        self.output_stride = check_output_stride(output_stride)
        self.taps = taps
        self.stem = nn.Sequential(
            ConvModule(in_channels, 32, 3, stride=2, padding=1, norm_cfg=norm_cfg),
            ConvModule(32, 64, 3, padding=1, norm_cfg=norm_cfg),
        )
        specs = [*ENTRY_FLOW[depth], *[MIDDLE] * MIDDLE_UNITS[depth], *EXIT_FLOW]
        steps = atrous_steps([spec.stride for spec in specs], output_stride // 2)
        units, in_channels = [], 64
        for spec, step in zip(specs, steps, strict=True):
            grid = multi_grid if spec is EXIT_FLOW[1] else (1, 1, 1)
            units.append(XceptionUnit(in_channels, spec, step, multi_grid=grid, norm_cfg=norm_cfg))
            in_channels = spec.channels[-1]
        entry = len(ENTRY_FLOW[depth])
        self.entry_flow = nn.ModuleList(units[:entry])
        self.middle_flow = nn.ModuleList(units[entry:-2])
        self.exit_flow = nn.ModuleList(units[-2:])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)
        maps = []
        strided = 0
        for unit in (*self.entry_flow, *self.middle_flow, *self.exit_flow):
            x, second = unit(x)
            strided += unit.spec.stride == 2
            # The first strided unit leads to stride 4; later ones give a map before their stride.
            if unit.spec.stride == 2 and strided > 1:
                maps.append(F.relu(second) if self.taps == 'relu' else second)
        return (*maps, x)
