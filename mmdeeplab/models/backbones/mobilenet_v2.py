"""MobileNetV2 (arXiv 1801.04381) as DeepLab uses it, by default without its last convolution.

mmseg's dilates only the first block behind a removed stride; this one dilates all of them.
"""

from collections.abc import Iterator

from mmseg.models.utils import make_divisible

from mmdeeplab.models.backbones.inverted_residual import (
    MOBILE_NORM,
    BlockSpec,
    InvertedResidualNet,
)
from mmdeeplab.registry import MODELS

# Table 2: expansion factor, channels, number of blocks, stride of the first of these blocks
TABLE = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def scaled_channels(channels: int, depth_multiplier: float) -> int:
    """Number of channels at a depth multiplier, as in `deeplab/core/feature_extractor.py`.

    It is rounded to a whole number; TF rounds to multiples of 8 in classifiers only.
    """
    return make_divisible(channels * depth_multiplier, 1)


def block_specs(depth_multiplier: float) -> Iterator[BlockSpec]:
    """The 17 blocks; expansions are rounded to multiples of 8 at every depth multiplier."""
    in_channels = scaled_channels(32, depth_multiplier)
    for factor, width, repetitions, stride in TABLE:
        channels = scaled_channels(width, depth_multiplier)
        for i in range(repetitions):
            wide = in_channels if factor == 1 else make_divisible(factor * in_channels, 8)
            yield BlockSpec(
                kernel=3,
                expansion=wide,
                channels=channels,
                squeeze=False,
                act='ReLU6',
                stride=stride if i == 0 else 1,
            )
            in_channels = channels


@MODELS.register_module()
class MobileNetV2(InvertedResidualNet):
    """MobileNetV2 with atrous convolution.

    Input (N, in_channels, H, W), RGB scaled to [-1, 1]. Output at depth multiplier 1:

    ===== ================== ================== ==================== =======================
    index 0: stride 4        1: stride 8        2: stride 16         3: the end
    size  (N, 144, H/4, W/4) (N, 192, H/8, W/8) (N, 576, H/16, W/16) (N, 320, H/os, W/os)
    TF    layer_4            layer_7            layer_14             layer_18
    ===== ================== ================== ==================== =======================

    Maps 0 to 2 are depthwise outputs after ReLU6; the end is a linear bottleneck. Sizes round up,
    and a map is never coarser than the output stride.

    Args:
        depth_multiplier: Factor on all channels; 0.5 and 1 were published.
        output_stride: 8, 16 or 32.
        last_channels: Channels of a last 1x1 convolution: 0 (none) in TF's DeepLab, 1280 in other
            projects' networks.
        style: ``'tf'`` or ``'torchvision'``: padding and rates, see :class:`InvertedResidualNet`.
        taps: What maps 0 to 2 are: ``'depthwise'`` (TF's, above), or the output of the ``'last'``
            or ``'first'`` block at the stride.
        in_channels: Channels of the image.
        norm_cfg: Norm layer; the default is TF's (decay 0.997, epsilon 1e-3).
        norm_eval: Keep BN statistics frozen in training; gamma and beta still train.
        init_cfg: MMEngine initialisation; without it TF's truncated normal, std 0.09.

    Raises:
        ValueError: A depth multiplier that is not positive, or an unknown output stride.
    """

    def __init__(
        self,
        depth_multiplier: float = 1.0,
        output_stride: int = 16,
        last_channels: int = 0,
        style: str = 'tf',
        taps: str = 'depthwise',
        in_channels: int = 3,
        norm_cfg: dict = MOBILE_NORM,
        norm_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        if depth_multiplier <= 0:
            raise ValueError(f'depth_multiplier must be positive, got {depth_multiplier!r}')
        super().__init__(
            tuple(block_specs(depth_multiplier)),
            in_channels=in_channels,
            stem_channels=scaled_channels(32, depth_multiplier),
            stem_act='ReLU6',
            last_channels=last_channels,
            style=style,
            taps=taps,
            output_stride=output_stride,
            norm_cfg=norm_cfg,
            norm_eval=norm_eval,
            init_cfg=init_cfg,
        )
