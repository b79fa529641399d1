"""The dense prediction cell (arXiv 1809.04184), used by TensorFlow's best Cityscapes network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmdeeplab.models.layers.conv import HEAD_NORM, RELU, TFInitialised
from mmdeeplab.models.layers.conv_module import ConvModule, SeparableConvModule
from mmdeeplab.registry import MODELS

SEARCHED_RATES = ((1, 6), (18, 15), (6, 3), (1, 1), (6, 21))
SEARCHED_INPUTS = (-1, 0, 1, 0, 0)


@MODELS.register_module()
class DensePredictionCellNeck(TFInitialised):
    """A replacement of ASPP whose branches read the last map or each other.

    Each branch is a separable 3x3 convolution with one rate for height and one for width. The
    outputs are concatenated in the order of the branches (TF's), single elements are dropped out,
    and a 1x1 convolution projects them. The default is the cell that a search on Cityscapes found
    and that TensorFlow's checkpoints use. Takes the maps of the backbone and returns as many, of
    which only the last has changed: (N, in_channels, H, W) -> (N, channels, H, W).

    Args:
        in_channels: Channels of the last map.
        channels: Channels of every branch and of the result.
        rates: (height, width) of each branch at output stride 16; twice as much at 8.
        inputs: What each branch reads: -1 for the last map, i for the output of branch i, which
            must be an earlier one.
        dropout: Probability of dropping an element of the concatenated branches.
        norm_cfg: Norm layer; the default is TF's (decay 0.9997, epsilon 1e-5).
        init_cfg: MMEngine initialisation; by default TF's (:class:`TFInitialised`).

    Raises:
        ValueError: A rate is below 1 or not a pair, or ``inputs`` has another length than ``rates``
            or names a later branch.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        rates: Sequence[Sequence[int]] = SEARCHED_RATES,
        inputs: Sequence[int] = SEARCHED_INPUTS,
        dropout: float = 0.1,
        norm_cfg: dict = HEAD_NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not rates or any(len(rate) != 2 or min(rate) < 1 for rate in rates):
            raise ValueError(f'rates must be pairs of at least 1, got {rates!r}')
        if len(inputs) != len(rates) or any(not -1 <= i < n for n, i in enumerate(inputs)):
            raise ValueError(
                f'inputs must be one of the {len(rates)} branches each: -1, or a branch before it, '
                f'got {inputs!r}'
            )
        self.rates, self.inputs = tuple(map(tuple, rates)), tuple(inputs)
        self.branches = nn.ModuleList(
            SeparableConvModule(
                in_channels if source < 0 else channels,
                channels,
                rate,
                norm_cfg=norm_cfg,
                act_cfg=RELU,
            )
            for rate, source in zip(self.rates, inputs, strict=True)
        )
        self.dropout = nn.Dropout(dropout)
        self.projection = ConvModule(len(self.rates) * channels, channels, 1, norm_cfg=norm_cfg)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        *low_level, x = maps
        outputs: list[Tensor] = []
        for branch, source in zip(self.branches, self.inputs, strict=True):
            outputs.append(branch(x if source < 0 else outputs[source]))
        return (*low_level, self.projection(self.dropout(torch.cat(outputs, 1))))
