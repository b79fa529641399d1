"""The head of DeepLabv2 on ResNet (arXiv 1606.00915, section 3.2): atrous classifiers, summed."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from mmdeeplab.models.decode_heads.shrunk_label import ShrunkLabelLoss
from mmdeeplab.models.layers.conv import refuse_unused
from mmdeeplab.registry import MODELS


class SummedClassifiers(nn.Module):
    """One 3x3 classifier with bias a rate; their scores are added up.

    (N, in_channels, H, W) -> (N, num_classes, H, W).
    """

    def __init__(self, in_channels: int, num_classes: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, num_classes, 3, padding=rate, dilation=rate) for rate in rates
        )

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.branches
        y = first(x)
        for branch in others:
            y = y + branch(x)
        return y


@MODELS.register_module()
class ASPPV2Head(ShrunkLabelLoss, BaseDecodeHead):
    """Classify one map by 3x3 convolutions at several rates and sum the scores; no norm, no fc6.

    The classifier itself is the pyramid, so this is a head without a neck. The loss compares the
    scores at their own stride with a shrunk label. Initialised from
    N(0, 0.01), biases 0, by what mmseg does to every ``conv_seg``.

    Args:
        in_channels: Channels of the chosen map.
        rates: Atrous rates; 6/12/18/24 at output stride 8 is ASPP-L, 2/4/8/12 ASPP-S and a single
            12 the LargeFOV of the paper's ablation.
        in_index: Index of the map.
        dropout_ratio: The published network drops out nothing here.
        kwargs: :class:`mmseg.models.decode_heads.decode_head.BaseDecodeHead` (``num_classes``,
            ``loss_decode``, ...).

    Raises:
        ValueError: No rate, or one below 1.
    """

    unused_arguments = ('channels', 'conv_cfg', 'norm_cfg', 'act_cfg', 'input_transform')

    def __init__(
        self,
        in_channels: int = 2048,
        rates: Sequence[int] = (6, 12, 18, 24),
        in_index: int = -1,
        align_corners: bool = True,
        dropout_ratio: float = 0.0,
        **kwargs: object,
    ) -> None:
        refuse_unused(self, kwargs.keys())
        if not rates or any(rate < 1 for rate in rates):
            raise ValueError(f'rates must be at least one, each at least 1, got {tuple(rates)}')
        super().__init__(
            in_channels=in_channels,
            channels=in_channels,
            in_index=in_index,
            align_corners=align_corners,
            dropout_ratio=dropout_ratio,
            **kwargs,
        )
        self.rates = tuple(rates)
        self.conv_seg = SummedClassifiers(in_channels, self.out_channels, rates)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        return self.cls_seg(self._transform_inputs(inputs))
