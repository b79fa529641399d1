"""Lite reduced ASPP (MobileNetV3, arXiv 1905.02244, section 6.4 and figure 10).

After `deeplab/model.py` with the flags of the released checkpoints. mmseg's head of this name is
another network: it concatenates two low-level maps and has more convolutions.
"""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.decode_heads.accuracy import LossWithAccuracy
from mmdeeplab.models.layers.conv import (
    HEAD_NORM,
    TFInitialised,
    hard_sigmoid,
    refuse_unused,
)
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class LRASPPHead(TFInitialised, LossWithAccuracy, BaseDecodeHead):
    """Lite R-ASPP, the light head of MobileNetV3.

    A 1x1 convolution of the last map is multiplied by a gate between 0 and 1, which is computed
    from the pooled last map, and classified. To these scores, upsampled, those of a 1x1 classifier
    on a low-level map are added. Low-level map (N, in_channels[0], h, w) and last map
    (N, in_channels[1], H, W) -> logits (N, num_classes, h, w).

    Args:
        in_channels: Channels of the low-level map and of the last map.
        in_index: Indices of the two maps; the published low-level map has stride 8.
        channels: Channels of the gated convolution ("F128" in the paper).
        pool_size: (H, W) of the pooling window in pixels of the last map, at most the map itself;
            None pools the whole map. The Cityscapes checkpoints have (25, 25) at output stride 32.
        pool_stride: (H, W) from one pooling window to the next; (4, 5) in these checkpoints.
        norm_cfg: Norm layer; the default is TF's (decay 0.9997, epsilon 1e-5).
        kwargs: :class:`mmseg.models.decode_heads.decode_head.BaseDecodeHead`. ``dropout_ratio`` is
            0: TF drops out behind a projection that this head does not have.

    Raises:
        ValueError: ``in_index`` or ``in_channels`` does not have exactly two entries.
    """

    unused_arguments = ('conv_cfg', 'act_cfg', 'input_transform')

    def __init__(
        self,
        in_channels: Sequence[int] = (120, 480),
        in_index: Sequence[int] = (1, -1),
        channels: int = 128,
        pool_size: Sequence[int] | None = None,
        pool_stride: Sequence[int] = (1, 1),
        norm_cfg: dict = HEAD_NORM,
        align_corners: bool = True,
        dropout_ratio: float = 0.0,
        init_cfg: dict | None = None,
        **kwargs: object,
    ) -> None:
        refuse_unused(self, kwargs.keys())
        if len(in_index) != 2 or len(in_channels) != 2:
            raise ValueError(
                'in_index and in_channels name one low-level map and the last map, got '
                f'in_index={tuple(in_index)}, in_channels={tuple(in_channels)}'
            )
        super().__init__(
            in_channels=list(in_channels),
            in_index=list(in_index),
            channels=channels,
            input_transform='multiple_select',
            norm_cfg=norm_cfg,
            align_corners=align_corners,
            dropout_ratio=dropout_ratio,
            init_cfg=init_cfg,
            **kwargs,
        )
        self.pool_size = pool_size and tuple(pool_size)
        self.pool_stride = tuple(pool_stride)
        self.pointwise = ConvModule(in_channels[1], channels, 1, norm_cfg=norm_cfg)
        self.gate = nn.Conv2d(in_channels[1], channels, 1)
        self.low_level = nn.Conv2d(in_channels[0], self.out_channels, 1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        low_level, x = self._transform_inputs(inputs)
        gate = self._resize(self._squash(self.gate(self._pool(x))), x)
        # TF resizes first. A 1x1 convolution commutes with bilinear weights, which sum to one, and
        # is cheaper on the small map.
        x = self.cls_seg(self.pointwise(x) * gate)
        return self._resize(x, low_level) + self.low_level(low_level)

    def _squash(self, x: Tensor) -> Tensor:
        return hard_sigmoid(x)

    def _pool(self, x: Tensor) -> Tensor:
        if self.pool_size is None:
            return x.mean((2, 3), keepdim=True)
        window = tuple(min(p, s) for p, s in zip(self.pool_size, x.shape[2:], strict=True))
        return F.avg_pool2d(x, window, self.pool_stride)

    def _resize(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, like.shape[2:], mode='bilinear', align_corners=self.align_corners)


@MODELS.register_module()
class SigmoidLRASPPHead(LRASPPHead):
    """torchvision's form of :class:`LRASPPHead`: the gate is a sigmoid, its convolution unbiased.

    Source: torchvision's `models/segmentation/lraspp.py`.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.gate = nn.Conv2d(self.gate.in_channels, self.gate.out_channels, 1, bias=False)

    def _squash(self, x: Tensor) -> Tensor:
        return x.sigmoid()
