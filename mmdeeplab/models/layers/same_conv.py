"""Convolutions with TensorFlow's SAME padding."""

from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.models.layers.conv_module import ConvModule
from mmdeeplab.models.layers.separable import SEPARABLE
from mmdeeplab.registry import MODELS


def fixed_size(x: Tensor) -> bool:
    """Whether height and width are numbers, not symbols as in an export with open sizes."""
    return all(type(side) is int for side in x.shape[2:])


@MODELS.register_module()
class SameConv2d(nn.Conv2d):
    """A strided convolution with TF's SAME padding.

    (N, C, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)). Along an odd side the
    padding is the same at both ends; along an even side it has one pixel more at the right or
    bottom, which no symmetric padding can do. Gives what mmcv's ``Conv2dAdaptivePadding`` gives,
    which however copies its input at every size.
    """

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (self._pads(x.shape[i + 2], i) for i in (0, 1))
        # An export with open sizes must not decide by a size.
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
    """Convolution, BN and activation; (N, C, H, W) -> H and W divided by ``stride``, rounded up.

    With ``same`` the padding is TF's SAME, which differs from a symmetric one at stride 2 only;
    without, it is symmetric.
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
