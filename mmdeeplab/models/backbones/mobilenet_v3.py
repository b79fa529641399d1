"""MobileNetV3 (arXiv 1905.02244) for segmentation, with its last stage halved ("RF2").

After `research/slim/nets/mobilenet/mobilenet_v3.py` and `deeplab/core/feature_extractor.py`.
"""

from mmdeeplab.errors import choose
from mmdeeplab.models.backbones.inverted_residual import (
    MOBILE_NORM,
    BlockSpec,
    InvertedResidualNet,
)
from mmdeeplab.registry import MODELS

RE, HS = 'ReLU', 'HSwish'


def blocks(*rows: tuple) -> tuple[BlockSpec, ...]:
    """Rows of the paper's tables, each in the order of :class:`BlockSpec`, as blocks."""
    return tuple(BlockSpec(*row) for row in rows)


# Tables 1 and 2: kernel, expanded channels, channels, squeeze-excite, activation, stride; the last
# three rows as section 6.4 halves them.
LARGE = blocks(
    (3, 16, 16, False, RE, 1),
    (3, 64, 24, False, RE, 2),
    (3, 72, 24, False, RE, 1),
    (5, 72, 40, True, RE, 2),
    (5, 120, 40, True, RE, 1),
    (5, 120, 40, True, RE, 1),
    (3, 240, 80, False, HS, 2),
    (3, 200, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 480, 112, True, HS, 1),
    (3, 672, 112, True, HS, 1),
    (5, 336, 80, True, HS, 2),
    (5, 480, 80, True, HS, 1),
    (5, 480, 80, True, HS, 1),
)
SMALL = blocks(
    (3, 16, 16, True, RE, 2),
    (3, 72, 24, False, RE, 2),
    (3, 88, 24, False, RE, 1),
    (5, 96, 40, True, HS, 2),
    (5, 240, 40, True, HS, 1),
    (5, 240, 40, True, HS, 1),
    (5, 120, 48, True, HS, 1),
    (5, 144, 48, True, HS, 1),
    (5, 144, 48, True, HS, 2),
    (5, 288, 48, True, HS, 1),
    (5, 288, 48, True, HS, 1),
)
LARGE_FULL = (  # Table 1 as it stands
    *LARGE[:-3],
    *blocks(
        (5, 672, 160, True, HS, 2),
        (5, 960, 160, True, HS, 1),
        (5, 960, 160, True, HS, 1),
    ),
)
# variant -> blocks, channels of the last 1x1 convolution
VARIANTS = {'large': (LARGE, 480), 'small': (SMALL, 288), 'large-full': (LARGE_FULL, 960)}


@MODELS.register_module()
class MobileNetV3(InvertedResidualNet):
    """MobileNetV3-Large or -Small for segmentation, with atrous convolution.

    Input (N, in_channels, H, W), RGB scaled to [-1, 1]. Output, large / small:

    ======== ==================== ==================== ====================== =====================
    index    0: stride 4          1: stride 8          2: stride 16           3: the end
    channels 72 / 16              120 / 88             672 / 144              480 / 288
    TF       layer_4 / layer_2    layer_7 / layer_4    layer_13 / layer_9     layer_17 / layer_13
    ======== ==================== ==================== ====================== =====================

    Maps 0 to 2 are depthwise outputs, activated, before squeeze-excite. Sizes round up, and a map
    is never coarser than the output stride.

    Args:
        variant: ``'large'``, ``'small'``, or ``'large-full'``: Large without halving its last
            stage, as in torchvision; its last map has 960 channels.
        output_stride: 8, 16 or 32.
        style: ``'tf'`` or ``'torchvision'``: padding and rates, see :class:`InvertedResidualNet`.
        taps: What maps 0 to 2 are: ``'depthwise'`` (TF's, above), or the output of the ``'last'``
            or ``'first'`` block at the stride.
        in_channels: Channels of the image.
        norm_cfg: Norm layer; the default is TF's (decay 0.997, epsilon 1e-3).
        norm_eval: Keep BN statistics frozen in training; gamma and beta still train.
        init_cfg: MMEngine initialisation; without it TF's truncated normal, std 0.09.

    Raises:
        ValueError: An unknown variant or output stride.
    """

    def __init__(
        self,
        variant: str = 'large',
        output_stride: int = 16,
        style: str = 'tf',
        taps: str = 'depthwise',
        in_channels: int = 3,
        norm_cfg: dict = MOBILE_NORM,
        norm_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        choose('variant', variant, tuple(VARIANTS))
        specs, last_channels = VARIANTS[variant]
        super().__init__(
            specs,
            in_channels=in_channels,
            stem_channels=16,
            stem_act=HS,
            last_channels=last_channels,
            style=style,
            taps=taps,
            output_stride=output_stride,
            norm_cfg=norm_cfg,
            norm_eval=norm_eval,
            init_cfg=init_cfg,
        )
