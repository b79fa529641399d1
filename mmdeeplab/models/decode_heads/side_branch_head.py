"""The multi-scale variant (MSc) of DeepLab v1 (arXiv 1412.7062, section 4.3)."""

from collections.abc import Sequence
from typing import cast

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.decode_heads.shrunk_label import ShrunkLabelLoss
from mmdeeplab.models.layers.conv import RELU, refuse_unused
from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.registry import MODELS


class TrainStrideConv2d(nn.Conv2d):
    """A convolution that has its stride in training only; in evaluation the stride is 1.

    The kernel is the same in both, so every ``stride``-th output of evaluation is one of training.
    """

    def forward(self, x: Tensor) -> Tensor:
        stride = self.stride if self.training else 1
        return F.conv2d(x, self.weight, self.bias, stride, self.padding)


class SideBranch(nn.Sequential):
    """3x3, ReLU, dropout, 1x1, ReLU, dropout, classifier: (N, C, H, W) -> (N, classes, h, w)."""

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
        """Initialise from N(0, std) with the std of the authors' prototxt files; biases 0."""
        # In their files the classifier of pool3 has no filler and so starts at 0; not here.
        for conv, std in ((self.conv, 0.001), (self.fc.conv, fc_std), (self.ms, 0.01)):
            nn.init.normal_(conv.weight, std=std)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


@MODELS.register_module()
class SideBranchHead(ShrunkLabelLoss, BaseDecodeHead):
    """Sum the scores of fc8 on the last map and of a small branch on each earlier map.

    In training every branch strides down to the size of fc8's map, and the logits are
    (N, num_classes, H/8, W/8). In evaluation the branches do not stride; all scores are resized to
    the finest map and summed there, giving (N, num_classes, H, W) if the image itself is one of the
    maps. The authors' prototxt files for training and test differ in the same way.

    Args:
        in_channels: Channels of the maps that ``in_index`` lists.
        in_index: Indices of the branches' maps, then of fc8's map.
        channels: Channels of fc8's map.
        strides: Stride of each branch in training.
        side_channels: Channels inside the branches.
        side_dropout: Probability of dropping an element inside the branches.
        kwargs: :class:`mmseg.models.decode_heads.decode_head.BaseDecodeHead`.

    Raises:
        ValueError: The lengths of the lists do not go together.
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
        self.starts_as_published = 'init_cfg' not in kwargs
        self.sides = nn.ModuleList(
            SideBranch(width, side_channels, self.out_channels, stride=stride, dropout=side_dropout)
            for width, stride in zip(in_channels, strides, strict=False)
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        *maps, x = self._transform_inputs(inputs)
        scores = [self.cls_seg(x)]
        scores += [side(m) for side, m in zip(self.sides, maps, strict=True)]
        # In training all sizes are equal if the image's sides are 8 k + 1; else fc8's is taken.
        size = x.shape[2:] if self.training else max(score.shape[2:] for score in scores)
        resized = [
            F.interpolate(score, size, mode='bilinear', align_corners=self.align_corners)
            for score in scores
        ]
        return torch.stack(resized).sum(0)

    def init_weights(self) -> None:
        super().init_weights()
        if self.starts_as_published:
            *others, last = cast('Sequence[SideBranch]', self.sides)
            for side in others:
                side.reset(0.001)
            last.reset(0.005)
