"""Atrous ResNet, the backbone of DeepLabv2 (arXiv 1606.00915) and v3 (1706.05587, section 3.2).

The frameworks that published ImageNet weights put the stride of a block at different layers; the
argument ``style`` chooses a framework. Sources: `slim/nets/resnet_utils.py` and
`deeplab/core/resnet_v1_beta.py` of tensorflow/models; the residual networks of arXiv 1512.03385 in
Caffe; torchvision's `resnet.py`.
"""

from collections.abc import Sequence
from itertools import islice

from torch import Tensor, nn

from mmdeeplab.errors import choose
from mmdeeplab.models.atrous import Step, atrous_steps, block_strides, check_output_stride
from mmdeeplab.models.backbones.base import Backbone
from mmdeeplab.models.backbones.resnet_layers import STEMS, STYLES, Bottleneck, max_pool
from mmdeeplab.models.layers.conv import truncated_normal_
from mmdeeplab.registry import MODELS

BASIC = '; ResNet-18 and -34: mmdeeplab.TimmBackbone, or the config deeplabv3plus_r18-d8-mmseg_voc'
UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def block_steps(
    units: Sequence[int], output_stride: int, multi_grid: Sequence[int], style: str
) -> list[list[Step]]:
    """Executed stride and rate of every unit, for each block.

    ``units`` is the number of units of each block. ``multi_grid`` multiplies the rates of the three
    units of block 4 and of every later block.
    """
    at_end, _, strided_first = STYLES[style]
    strides = block_strides(units, at_end)
    steps = iter(atrous_steps(strides, output_stride, 4, strided_first))
    return [
        [
            Step(stride, rate * (multi_grid[j] if i >= 3 else 1))
            for j, (stride, rate) in enumerate(islice(steps, count))
        ]
        for i, count in enumerate(units)
    ]


@MODELS.register_module()
class AtrousResNet(Backbone):
    """ResNet-50 or -101 with atrous convolution.

    Input (N, in_channels, H, W). Output, nominal strides in the first row:

    ======== ================== ================== =================== =========================
    index    0: stride 4        1: stride 8        2: stride 16        3: the end
    size     (N, 256, H/4, W/4) (N, 512, H/8, W/8) (N, 1024, H/16, ..) (N, 2048, H/os, W/os)
    ======== ================== ================== =================== =========================

    A map is never coarser than the output stride. Sizes round up; only Caffe's pool adds a row or
    column where the stem's map has an even side.

    =========== ================================================== ============== ============
    style       the stride between two blocks sits in              max pool pads  weights of
    tf          the last unit of the first, its 3x3                SAME           slim
    caffe       the first unit of the second, its 1x1 and shortcut 1, rounds up   Caffe
    torchvision the first unit of the second, its 3x3 and shortcut 1              "v1.5"
    smp         as torchvision                                     1              "v1.5"
    =========== ================================================== ============== ============

    ``tf`` and ``caffe`` compute the same from the same weights if their pools pad alike. ``smp``
    (segmentation_models_pytorch) differs from ``torchvision`` in the 3x3 convolution whose stride
    is removed: it is dilated itself, so the maps differ from those at output stride 32 even where
    their pixels coincide.

    Args:
        depth: 50 or 101.
        output_stride: 8, 16 or 32.
        multi_grid: Factors on the rate of the three units of block 4 and of every later block.
        stem: ``'beta'`` (TF's) or ``'v1c'`` (mmseg's): three 3x3 convolutions with 64, 64 and 128,
            or 32, 32 and 64 channels. ``'7x7'``: one convolution with 64 channels.
        style: ``'tf'``, ``'caffe'``, ``'torchvision'`` or ``'smp'``, see above.
        taps: What maps 0 to 2 are. ``'conv3'``: TF's decoder end points, the BN output of ``conv3``
            in the last unit but one of blocks 1 to 3, before addition and ReLU. ``'stage'``: the
            outputs of blocks 1 to 3 after the ReLU, as in other projects' networks; not with style
            ``'tf'``, whose blocks end with their stride.
        blocks: 4, or 5 to 7 for DeepLabv3's cascade. Blocks 5 to 7 are built like block 4; all but
            the last have a nominal stride of 2.
        in_channels: Channels of the image.
        norm_cfg: Norm layer; the default is TF's (decay 0.95, epsilon 1e-5).
        norm_eval: Keep BN statistics frozen in training; gamma and beta still train.
        init_cfg: MMEngine initialisation; without it TF's variance scaling (He's).

    Raises:
        ValueError: An argument outside its choices.
    """

    def __init__(
        self,
        depth: int = 101,
        output_stride: int = 16,
        multi_grid: Sequence[int] = (1, 1, 1),
        stem: str = 'beta',
        style: str = 'tf',
        taps: str = 'conv3',
        blocks: int = 4,
        in_channels: int = 3,
        norm_cfg: dict = dict(type='BN', eps=1e-5, momentum=0.05),
        norm_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(norm_eval, init_cfg)
        choose('depth', depth, tuple(UNITS), why=BASIC if depth in (18, 34) else '')
        choose('stem', stem, tuple(STEMS))
        choose('style', style, tuple(STYLES))
        choose('taps', taps, ('conv3',) if style == 'tf' else ('conv3', 'stage'))
        choose('blocks', blocks, (4, 5, 6, 7))
        if len(multi_grid) != 3:
            raise ValueError(f'multi_grid must have 3 factors, got {tuple(multi_grid)}')
        self.output_stride = check_output_stride(output_stride)
        self.taps = taps
        self.stem = STEMS[stem](in_channels, norm_cfg)
        self.pool = max_pool(style)
        units = UNITS[depth] + UNITS[depth][3:] * (blocks - 4)
        self.blocks = []
        width: int = self.stem[-1].out_channels  # type: ignore[assignment]
        for i, steps in enumerate(block_steps(units, output_stride, multi_grid, style)):
            channels = 64 * 2 ** min(i, 3)
            block = nn.ModuleList()
            for step in steps:
                block.append(Bottleneck(width, channels, step, style=style, norm_cfg=norm_cfg))
                width = 4 * channels
            self.blocks.append(f'block{i + 1}')
            self.add_module(self.blocks[-1], block)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.pool(self.stem(x))
        maps = []
        for name in self.blocks:
            block = self.get_submodule(name)
            for i, unit in enumerate(block):
                x, residual = unit(x)
                if i == len(block) - 2:
                    last_but_one = residual
            maps.append(last_but_one if self.taps == 'conv3' else x)
        return (*maps[:3], x)

    def init_conv(self, conv: nn.Conv2d) -> None:
        """Variance scaling (He's); 1.3 compensates the cut at two standard deviations."""
        truncated_normal_(conv, (1.3 * 2 / conv.weight[0].numel()) ** 0.5)
