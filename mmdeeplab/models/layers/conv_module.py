"""Convolution, norm and activation as one module, plain and depthwise separable."""

from mmcv import cnn
from torch import Tensor, nn

from mmdeeplab.models.layers.separable import SEPARABLE
from mmdeeplab.models.norms.fused import FusedBatchNorm2d


class ConvModule(cnn.ConvModule):
    """mmcv's ``ConvModule``: convolution, norm, activation; (N, C, H, W) -> (N, out, H', W').

    If the norm is a :class:`mmdeeplab.models.norms.fused.FusedBatchNorm2d`, which the config key
    ``channels_last=True`` brings, norm and ReLU are computed as one operation in training.
    """

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        fuses = self.norm_before_relu and type(self.norm) is FusedBatchNorm2d
        if not fuses or not self.norm.training or args or kwargs:
            return super().forward(x, *args, **kwargs)
        return self.norm(self.conv(x), relu=True)

    @property
    def norm_before_relu(self) -> bool:
        """Whether the norm follows directly on the convolution, and the ReLU on the norm."""
        return (
            self.with_norm
            and self.with_activation
            and self.order == ('conv', 'norm', 'act')
            and not self.with_explicit_padding
            and type(self.activate) is nn.ReLU
        )


class SeparableConvModule(nn.Module):
    """A 3x3 depthwise convolution and a pointwise one, (N, C, H, W) -> (N, channels, H', W').

    Children are named as those of mmcv's ``DepthwiseSeparableConvModule``.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        rate: Atrous rate of the depthwise convolution, which is also its padding on every side;
            one number, or two for height and width.
        stride: Stride of the depthwise convolution.
        relu_first: Clip the input at 0.
        norm_cfg: Norm layer behind each of the two convolutions.
        act_cfg: Activation behind each norm.
        bare: Leave out norm and activation behind the depthwise convolution.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        rate: int | tuple[int, ...],
        *,
        stride: int = 1,
        relu_first: bool = False,
        norm_cfg: dict,
        act_cfg: dict | None,
        bare: bool = False,
    ) -> None:
        super().__init__()
        bias = False if bare else 'auto'
        self.depthwise_conv = ConvModule(
            in_channels,
            in_channels,
            3,
            stride=stride,
            padding=rate,
            dilation=rate,
            groups=in_channels,
            bias=bias,
            conv_cfg=dict(SEPARABLE, relu_first=relu_first),
            norm_cfg=None if bare else norm_cfg,
            act_cfg=None if bare else act_cfg,
        )
        self.pointwise_conv = ConvModule(
            in_channels,
            channels,
            1,
            bias=bias,
            conv_cfg=SEPARABLE,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_conv(self.depthwise_conv(x))
