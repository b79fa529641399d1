"""Atrous spatial pyramid pooling (DeepLabv3, arXiv 1706.05587, section 3.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmdeeplab.models.layers.conv import (
    HEAD_NORM,
    PooledConv,
    TFInitialised,
    conv3x3,
)
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS


@MODELS.register_module()
class ASPPNeck(TFInitialised):
    """ASPP: read the last map at several atrous rates and through its global mean.

    The branches are image pooling (the global mean), a 1x1 convolution, and a 3x3 convolution for
    each rate. Their outputs are concatenated in this order (TF's) and projected by a 1x1
    convolution, behind which single elements are dropped out. Takes the maps of the backbone and
    returns as many, of which only the last has changed: (N, in_channels, H, W) -> (N, channels,
    H, W).

    Args:
        in_channels: Channels of the last map.
        channels: Channels of every branch and of the result.
        rates: Atrous rates of the 3x3 branches; 6/12/18 at output stride 16, doubled at 8. Empty
            for the MobileNetV2 head of arXiv 1801.04381, section 6.3.
        separable: Whether the 3x3 convolutions are depthwise separable, as in DeepLabv3+;
            ``'bare'``: without BN and ReLU behind the depthwise part (:func:`conv3x3`).
        dropout: Probability of dropping an element of the projection.
        num_convs: Number of 3x3 convolutions behind the dropout: 0 as published, 1 in torchvision
            and segmentation_models_pytorch.
        projection_kernel: Side of the projection's kernel; 1 as published, 3 in mmseg.
        norm_cfg: Norm layer; the default is TF's (decay 0.9997, epsilon 1e-5).
        init_cfg: MMEngine initialisation; by default TF's (:class:`TFInitialised`).
        image_pooling: Whether the global mean is a branch; DeepLabv3+ leaves it out on Cityscapes
            (arXiv 1802.02611, section 4.6).

    Raises:
        ValueError: A rate below 1, or an even projection kernel.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        rates: Sequence[int] = (6, 12, 18),
        separable: bool | str = False,
        dropout: float = 0.1,
        num_convs: int = 0,
        projection_kernel: int = 1,
        norm_cfg: dict = HEAD_NORM,
        init_cfg: dict | None = None,
        image_pooling: bool = True,
    ) -> None:
        super().__init__(init_cfg)
        if any(rate < 1 for rate in rates):
            raise ValueError(f'rates must be at least 1, got {tuple(rates)}')
        if projection_kernel % 2 == 0:
            raise ValueError(f'projection_kernel must be odd, got {projection_kernel!r}')
        self.rates = tuple(rates)
        self.image_pooling = (
            PooledConv(in_channels, channels, 1, norm_cfg=norm_cfg) if image_pooling else None
        )
        self.pointwise = ConvModule(in_channels, channels, 1, norm_cfg=norm_cfg)
        self.atrous = nn.ModuleList(
            conv3x3(in_channels, channels, rate, separable, norm_cfg) for rate in rates
        )
        self.projection = ConvModule(
            (1 + image_pooling + len(self.rates)) * channels,
            channels,
            projection_kernel,
            padding=projection_kernel // 2,
            norm_cfg=norm_cfg,
        )
        self.dropout = nn.Dropout(dropout)
        self.refine = nn.Sequential(
            *(conv3x3(channels, channels, 1, separable, norm_cfg) for _ in range(num_convs))
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        *low_level, x = maps
        branches = []
        if self.image_pooling is not None:
            pooled = self.image_pooling(x.mean((2, 3), keepdim=True))
            branches.append(pooled.expand(-1, -1, *x.shape[2:]))
        branches += [self.pointwise(x), *(branch(x) for branch in self.atrous)]
        return (*low_level, self.refine(self.dropout(self.projection(torch.cat(branches, 1)))))
