"""The head of DeepLabv2 on ResNet (arXiv 1606.00915, section 3.2): atrous classifiers, summed."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from mmdeeplab.models.decode_heads.shrunk_label import ShrunkLabelLoss
from mmdeeplab.models.layers.conv import refuse_unused
from mmdeeplab.registry import MODELS


class SummedClassifiers(nn.Module):
    """A 3x3 atrous classifier with bias for each rate; their scores are summed.

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
    """ASPP of DeepLabv2 on ResNet: 3x3 atrous classifiers of one map, whose scores are summed.

    ASPP is the classifier itself here, without fc6, fc7 or norms, so no neck goes before this head.
    The loss is computed at the stride of the scores, with a label of the same size
    (:func:`mmdeeplab.models.decode_heads.shrunk_label.shrink_label`). Weights start from
    N(0, 0.01), biases from 0, as mmseg initialises every ``conv_seg``.

    Args:
        in_channels: Channels of the map.
        rates: Atrous rates; at output stride 8, 6/12/18/24 is ASPP-L, 2/4/8/12 is ASPP-S, and a
            single 12 is the LargeFOV of the paper's ablation.
        in_index: Index of the map among those of the backbone.
        dropout_ratio: Dropout before the classifiers; the published network has none.
        kwargs: :class:`mmseg.models.decode_heads.decode_head.BaseDecodeHead` (``num_classes``,
            ``loss_decode``, ...).

    Raises:
        ValueError: There is no rate, or one below 1.
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
