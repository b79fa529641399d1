"""The decoder of DeepLabv3+ (arXiv 1802.02611, section 3.1; table 2 for its design)."""

from collections.abc import Sequence

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.decode_heads.accuracy import LossWithAccuracy
from mmdeeplab.models.layers.conv import (
    HEAD_NORM,
    TFInitialised,
    conv3x3,
    refuse_unused,
    truncated_normal_,
)
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS


class DecoderStage(nn.Module):
    """One step of the decoder: upsample the context, concatenate a low-level map, convolve.

    Context (N, context_channels, h, w) and low-level map (N, in_channels, H, W) -> (N, channels,
    H, W).
    """

    def __init__(
        self,
        context_channels: int,
        in_channels: int,
        *,
        low_level_channels: int,
        channels: int,
        num_convs: int,
        separable: bool | str,
        align_corners: bool,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.projection = ConvModule(in_channels, low_level_channels, 1, norm_cfg=norm_cfg)
        widths = [context_channels + low_level_channels] + [channels] * num_convs
        self.refine = nn.Sequential(
            *(conv3x3(widths[i], channels, 1, separable, norm_cfg) for i in range(num_convs))
        )

    def forward(self, context: Tensor, low_level: Tensor) -> Tensor:
        context = F.interpolate(
            context, low_level.shape[2:], mode='bilinear', align_corners=self.align_corners
        )
        return self.refine(torch.cat([context, self.projection(low_level)], 1))


@MODELS.register_module()
class DeepLabV3PlusHead(TFInitialised, LossWithAccuracy, BaseDecodeHead):
    """The decoder of DeepLabv3+: refine ASPP's output by low-level maps, then classify.

    ``in_index`` lists the low-level maps, the finest first, and last the context (ASPP's output).
    (0, -1) is the published decoder. (0, 1, -1) refines at stride 8 and then at stride 4, as TF
    does with ``--decoder_output_stride=8,4``. The logits have the size of the finest map:
    (N, num_classes, H/4, W/4) for images (N, C, H, W).

    Args:
        in_channels: Channels of the maps that ``in_index`` lists.
        in_index: Indices of the low-level maps and of the context among the neck's maps.
        channels: Channels of the refinement's 3x3 convolutions.
        low_level_channels: Channels to which a 1x1 convolution reduces every low-level map.
        num_convs: Number of 3x3 convolutions behind each concatenation.
        separable: Whether these are depthwise separable; ``'bare'``: without BN and ReLU behind
            the depthwise part (:func:`conv3x3`).
        norm_cfg: Norm layer; the default is TF's (decay 0.9997, epsilon 1e-5).
        kwargs: :class:`mmseg.models.decode_heads.decode_head.BaseDecodeHead` (``num_classes``,
            ``loss_decode``, ...). ``dropout_ratio`` is 0 here: TF drops out behind ASPP only.

    Raises:
        ValueError: There is no low-level map, or the lists differ in length.
    """

    unused_arguments = ('conv_cfg', 'act_cfg', 'input_transform')

    def __init__(
        self,
        in_channels: Sequence[int] = (256, 256),
        in_index: Sequence[int] = (0, -1),
        channels: int = 256,
        low_level_channels: int = 48,
        num_convs: int = 2,
        separable: bool | str = True,
        norm_cfg: dict = HEAD_NORM,
        align_corners: bool = True,
        dropout_ratio: float = 0.0,
        init_cfg: dict | None = None,
        **kwargs: object,
    ) -> None:
        refuse_unused(self, kwargs.keys())
        if len(in_index) < 2 or len(in_index) != len(in_channels):
            raise ValueError(
                'in_index and in_channels list the low-level maps and then the context, got '
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
        *low_level, context = in_channels
        stages = []
        for width in reversed(low_level):
            stages.append(
                DecoderStage(
                    context,
                    width,
                    low_level_channels=low_level_channels,
                    channels=channels,
                    num_convs=num_convs,
                    separable=separable,
                    align_corners=align_corners,
                    norm_cfg=norm_cfg,
                )
            )
            context = channels
        self.stages = nn.ModuleList(stages)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        *low_level, x = self._transform_inputs(inputs)
        for stage, low in zip(self.stages, reversed(low_level), strict=True):
            x = stage(x, low)
        return self.cls_seg(x)

    def init_weights(self) -> None:
        super().init_weights()
        if not self.init_cfg:
            truncated_normal_(self.conv_seg, 0.01)
