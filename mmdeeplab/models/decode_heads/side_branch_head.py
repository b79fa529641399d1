"""The multi-scale variant (MSc) of DeepLab v1 (arXiv 1412.7062, section 4.3)."""

from collections.abc import Sequence
from typing import cast

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.decode_heads.shrunk_label import ShrunkLabelLoss
from mmdeeplab.models.layers.conv import RELU, is_pretrained, refuse_unused
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS


class TrainStrideConv2d(nn.Conv2d):
    """A convolution that strides in training and visits every pixel in evaluation.

    The kernel does not dilate, so the dense output holds the strided one on its grid.
    """

    def forward(self, x: Tensor) -> Tensor:
        stride = self.stride if self.training else 1
        return F.conv2d(x, self.weight, self.bias, stride, self.padding)


class SideBranch(nn.Sequential):
    """3x3 - ReLU - dropout - 1x1 - ReLU - dropout - classifier: (N, C, H, W) -> class scores."""

    def __init__(
        self, in_channels: int, channels: int, classes: int, *, stride: int, dropout: float
    ) -> None:
        super().__init__()
        self.conv = TrainStrideConv2d(in_channels, channels, 3, stride=stride, padding=1)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout(dropout)
        self.fc = ConvModule(channels, channels, 1, act_cfg=RELU)
        self.drop_fc = nn.Dropout(dropout)
        self.ms = nn.Conv2d(channels, classes, 1)

    def reset(self, fc_std: float) -> None:
        """The prototxt's Gaussian fillers; biases 0."""
        # There pool3's classifier lacks a filler and so starts at Caffe's 0; not here.
        for conv, std in ((self.conv, 0.001), (self.fc.conv, fc_std), (self.ms, 0.01)):
            nn.init.normal_(conv.weight, std=std)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


@MODELS.register_module()
class SideBranchHead(ShrunkLabelLoss, BaseDecodeHead):
    """fc8 on the last map plus the scores of a small branch on each earlier map, summed.

    ``in_index`` lists the branches' maps, then the one for fc8, and ``in_channels`` goes with it.
    In training every branch strides down to fc8's map and the logits are (N, num_classes, H/8,
    W/8). In evaluation the branches see every position, all scores are resized to the finest map
    and summed there, (N, num_classes, H, W) if the image is among the maps (the authors' train and
    test prototxt files differ in this way).

    Args:
        in_channels: Channels of the chosen maps.
        in_index: Indices of the chosen maps.
        channels: Channels of the map for fc8.
        strides: Stride of each branch in training.
        side_channels: Channels inside the branches.
        side_dropout: Probability of dropping an element inside the branches.
        kwargs: :class:`mmseg.models.decode_heads.decode_head.BaseDecodeHead`.

    Raises:
        ValueError: Lists whose lengths do not go together.
    """

    unused_arguments = ('conv_cfg', 'norm_cfg', 'act_cfg', 'input_transform')

    def __init__(
        self,
        in_channels: Sequence[int] = (3, 64, 128, 256, 512, 1024),
        in_index: Sequence[int] = (0, 1, 2, 3, 4, -1),
        channels: int = 1024,
        strides: Sequence[int] = (8, 4, 2, 1, 1),
        side_channels: int = 128,
        side_dropout: float = 0.5,
        dropout_ratio: float = 0.0,
        align_corners: bool = True,
        **kwargs: object,
    ) -> None:
        refuse_unused(self, kwargs.keys())
        if not len(in_channels) == len(in_index) == len(strides) + 1:
            raise ValueError(
                'in_index and in_channels list the maps of the branches and then that of fc8, '
                f'strides those of the branches; got in_index={tuple(in_index)}, '
                f'in_channels={tuple(in_channels)}, strides={tuple(strides)}'
            )
        super().__init__(
            in_channels=list(in_channels),
            in_index=list(in_index),
            channels=channels,
            input_transform='multiple_select',
            dropout_ratio=dropout_ratio,
            align_corners=align_corners,
            **kwargs,
        )
        self.sides = nn.ModuleList(
            SideBranch(width, side_channels, self.out_channels, stride=stride, dropout=side_dropout)
            for width, stride in zip(in_channels, strides, strict=False)
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        *maps, x = self._transform_inputs(inputs)
        scores = [self.cls_seg(x)]
        scores += [side(m) for side, m in zip(self.sides, maps, strict=True)]
        # In training all sizes agree if the image's side is 8k + 1; otherwise fc8's counts.
        size = x.shape[2:] if self.training else max(score.shape[2:] for score in scores)
        resized = [
            F.interpolate(score, size, mode='bilinear', align_corners=self.align_corners)
            for score in scores
        ]
        return torch.stack(resized).sum(0)

    def init_weights(self) -> None:
        super().init_weights()
        if not is_pretrained(self):
            *others, last = cast('Sequence[SideBranch]', self.sides)
            for side in others:
                side.reset(0.001)
            last.reset(0.005)
