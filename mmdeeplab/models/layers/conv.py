"""What several parts share: one convolution builder and TensorFlow's initialisers."""

from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from mmdeeplab.errors import choose
from mmdeeplab.models.layers.conv_module import ConvModule, SeparableConvModule

# TF: decay 0.9997, epsilon 1e-5 in every layer behind the backbone (deeplab/model.py).
HEAD_NORM: dict = dict(type='BN', eps=1e-5, momentum=3e-4)
RELU = dict(type='ReLU')


def conv3x3(
    in_channels: int, channels: int, rate: int, separable: bool | str, norm_cfg: dict
) -> ConvModule | SeparableConvModule:
    """3x3 (atrous) convolution, BN and ReLU of ASPP and decoder, (N, C, H, W) -> same H, W.

    ``separable`` gives TF's ``split_separable_conv2d``: BN and ReLU after the depthwise as well as
    after the pointwise convolution; the rate acts on the depthwise part only. ``'bare'`` leaves out
    those after the depthwise one, as segmentation_models_pytorch does.

    Raises:
        ValueError: Another ``separable``.
    """
    choose('separable', separable, (False, True, 'bare'))
    layers: dict[str, Any] = dict(norm_cfg=norm_cfg, act_cfg=RELU)
    if separable:
        bare = separable == 'bare'
        return SeparableConvModule(in_channels, channels, rate, bare=bare, **layers)
    return ConvModule(in_channels, channels, 3, padding=rate, dilation=rate, **layers)


class PooledConv(ConvModule):
    """1x1 convolution, norm and ReLU for globally pooled maps, (N, C, 1, 1).

    With one image on the device a batch statistic of a 1x1 map has a single value and no variance,
    and PyTorch refuses it. Then, and only then, this layer normalises by its running statistics,
    as in evaluation.
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


def refuse_unused(head: object, given: Iterable[str]) -> None:
    """Refuse arguments of mmseg's ``BaseDecodeHead`` that a head would store and never look at.

    Args:
        head: With ``unused_arguments``, which are no keys in a config of it either.
        given: Names of the arguments that it was given.

    Raises:
        ValueError: One of them is not used.
    """
    for name in given:
        if name in head.unused_arguments:  # type: ignore[attr-defined]
            raise ValueError(f'{name} is no argument of {type(head).__name__}')


def hard_sigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6 with the constant that TF's weights were trained with."""
    return F.relu6(x + 3) * 0.16667


def convolutions(module: nn.Module) -> Iterator[tuple[nn.Conv2d, bool]]:
    """Every convolution of ``module`` and whether it is depthwise."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            yield layer, layer.groups > 1 and layer.groups == layer.in_channels


def truncated_normal_(conv: nn.Conv2d, std: float) -> None:
    """TF's ``truncated_normal_initializer``: cut at two standard deviations; bias 0."""
    nn.init.trunc_normal_(conv.weight, std=std, a=-2 * std, b=2 * std)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def init_head_convs(module: nn.Module) -> None:
    """Initialise ASPP and decoder as TF does (spec: deeplab/model.py, core/utils.py).

    Split separable convolutions: truncated normal, 0.33 depthwise and 0.06 pointwise; all others
    Xavier uniform.
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


def is_pretrained(module: BaseModule) -> bool:
    """Whether the module's ``init_cfg`` loads weights, so that nothing may overwrite them."""
    cfgs = module.init_cfg if isinstance(module.init_cfg, list) else [module.init_cfg]
    return any(cfg and cfg['type'] == 'Pretrained' for cfg in cfgs)


def freeze_norm_statistics(module: nn.Module) -> None:
    """Normalise by running statistics; gamma and beta still train (TF: fine_tune_batch_norm)."""
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.eval()
