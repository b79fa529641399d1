"""Convolution blocks and TensorFlow's initialisers, shared by backbones, necks and heads."""

from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.model import BaseModule, initialize
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.checkpoint.pretrained import loads_weights
from mmdeeplab.errors import choose
from mmdeeplab.models.layers.conv_module import ConvModule, SeparableConvModule

# TF: decay 0.9997, epsilon 1e-5 in every layer behind the backbone (deeplab/model.py).
HEAD_NORM: dict = dict(type='BN', eps=1e-5, momentum=3e-4)
RELU = dict(type='ReLU')


def conv3x3(
    in_channels: int, channels: int, rate: int, separable: bool | str, norm_cfg: dict
) -> ConvModule | SeparableConvModule:
    """A 3x3 (atrous) convolution with BN and ReLU, as ASPP and decoder use it.

    (N, in_channels, H, W) -> (N, channels, H, W).

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        rate: Atrous rate.
        separable: False: a full convolution. True: TF's ``split_separable_conv2d``, BN and ReLU
            behind the (atrous) depthwise and behind the pointwise convolution. ``'bare'``: only
            behind the pointwise one, as in segmentation_models_pytorch.
        norm_cfg: Norm layer.

    Raises:
        ValueError: ``separable`` is something else.
    """
    choose('separable', separable, (False, True, 'bare'))
    layers: dict[str, Any] = dict(norm_cfg=norm_cfg, act_cfg=RELU)
    if separable:
        bare = separable == 'bare'
        return SeparableConvModule(in_channels, channels, rate, bare=bare, **layers)
    return ConvModule(in_channels, channels, 3, padding=rate, dilation=rate, **layers)


class PooledConv(ConvModule):
    """1x1 convolution, norm and ReLU for globally pooled maps: (N, C, 1, 1) -> (N, channels, 1, 1).

    If a device trains on one image, each channel of such a map has a single value and so no
    variance, and PyTorch's BatchNorm refuses it. Only then does this layer normalise by its running
    statistics, as in evaluation.
    """

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        norm = self.norm
        alone = self.training and len(x) == 1 and isinstance(norm, nn.BatchNorm2d)
        if not alone:
            return super().forward(x, *args, **kwargs)
        x = F.batch_norm(
            self.conv(x), norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )
        return self.activate(x)


def refuse_unused(head: object, names: Iterable[str]) -> None:
    """Refuse arguments of mmseg's ``BaseDecodeHead`` that have no effect in a head.

    Args:
        head: A decode head; its ``unused_arguments`` names them.
        names: Names of the arguments that it was given.

    Raises:
        ValueError: One of them has no effect.
    """
    for name in names:
        if name in head.unused_arguments:  # type: ignore[attr-defined]
            raise ValueError(f'{name} is no argument of {type(head).__name__}')


def hard_sigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6, with the rounded factor 0.16667 that TF's weights were trained with."""
    return F.relu6(x + 3) * 0.16667


def convolutions(module: nn.Module) -> Iterator[tuple[nn.Conv2d, bool]]:
    """All convolutions inside ``module``, each with whether it is depthwise."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            yield layer, layer.groups > 1 and layer.groups == layer.in_channels


def truncated_normal_(conv: nn.Conv2d, std: float) -> None:
    """Initialise as TF's ``truncated_normal_initializer``: cut at two deviations; bias 0."""
    nn.init.trunc_normal_(conv.weight, std=std, a=-2 * std, b=2 * std)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def init_head_convs(module: nn.Module) -> None:
    """Initialise the convolutions of a neck or head as TF does (deeplab/model.py, core/utils.py).

    Separable convolutions: truncated normal with standard deviation 0.33 for the depthwise and 0.06
    for the pointwise part. All others: Xavier uniform, bias 0.
    """
    pointwise = {
        layer.pointwise_conv.conv
        for layer in module.modules()
        if isinstance(layer, SeparableConvModule)
    }
    for conv, depthwise in convolutions(module):
        if depthwise or conv in pointwise:
            truncated_normal_(conv, 0.33 if depthwise else 0.06)
        else:
            nn.init.xavier_uniform_(conv.weight)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


def init_as_configured(module: BaseModule) -> None:
    """Initialise a module by its ``init_cfg`` once more, unless that loads weights.

    MMEngine lets mmcv's ``ConvModule`` inside a module initialise itself after the module's
    ``init_cfg``, which so would have no effect on it.
    """
    if not loads_weights(module.init_cfg):
        initialize(module, module.init_cfg)


class TFInitialised(BaseModule):
    """Mix-in for necks and heads whose convolutions start as TF's do without an ``init_cfg``."""

    def init_weights(self) -> None:
        super().init_weights()
        if self.init_cfg:
            init_as_configured(self)
        else:
            init_head_convs(self)
