"""Convolutions padded as TensorFlow's SAME, and alike on all sides."""

from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.models.layers.separable import SEPARABLE
from mmdeeplab.registry import MODELS


def fixed_size(x: Tensor) -> bool:
    """Whether the sides of (N, C, H, W) are numbers, not left open by an export."""
    return all(type(side) is int for side in x.shape[2:])


@MODELS.register_module()
class SameConv2d(nn.Conv2d):
    """A strided convolution padded as TF's SAME, (N, C, H, W) -> ceil of H and W / stride.

    An odd size gets as much in front as behind; an even size gets its odd zero behind the last
    pixel, which no symmetric padding can do (spec 8, row 1). Equal to mmcv's
    ``Conv2dAdaptivePadding``, which however copies its input at every size.
    """

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (self._pads(x.shape[i + 2], i) for i in (0, 1))
        # A size that an export leaves open decides nothing here.
        if fixed_size(x) and top == bottom and left == right:
            padding = (top, left)
        else:
            x, padding = F.pad(x, (left, right, top, bottom)), (0, 0)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _pads(self, size: int, axis: int) -> tuple[int, int]:
        stride = self.stride[axis]
        window = (self.kernel_size[axis] - 1) * self.dilation[axis] + 1
        total = -size % stride + window - stride
        if window < stride:
            total = max(total, 0)
        return total // 2, total - total // 2


def padded_conv(
    in_channels: int,
    channels: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    rate: int = 1,
    norm_cfg: dict,
    act: str | None,
    groups: int = 1,
    same: bool = True,
) -> ConvModule:
    """Convolution, BN and activation, (N, C, H, W) -> ceil of H and W / stride.

    Padded as TF's SAME, which at stride 1 is symmetric at every size; or, not ``same``, always
    symmetrically.
    """
    same = same and stride > 1
    return ConvModule(
        in_channels,
        channels,
        kernel,
        stride=stride,
        padding=0 if same else rate * (kernel // 2),
        dilation=rate,
        groups=groups,
        conv_cfg=dict(type='mmdeeplab.SameConv2d') if same else SEPARABLE,
        norm_cfg=norm_cfg,
        act_cfg=act and dict(type=act),
    )
