"""Dilate a network of another project (timm) so that it runs at a finer output stride.

timm's own ``output_stride`` works for some families only, and leaves their pools alone. So the
network is run once on the device ``meta``, which computes shapes only, to find the stride of the
map that each layer reads. From it :func:`mmdeeplab.models.atrous.step_at` gives the stride and the
rate that the layer needs.
"""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmdeeplab.errors import UserError
from mmdeeplab.models.atrous import Step, step_at
from mmdeeplab.models.layers.atrous_pool import (
    AtrousAvgPool2d,
    AtrousBlur2d,
    AtrousMaxPool2d,
    AtrousPatchConv2d,
    Window,
)
from mmdeeplab.models.meta import run_on_meta

SIDE = 512  # pixels of the trial run's image: all strides divide it


class _Call(nn.Module):
    """A module whose forward pass is ``call(module, x)``."""

    def __init__(self, module: nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.module, self.call = module, call

    def forward(self, x: Any) -> Any:
        return self.call(self.module, x)


def strides_read(
    network: nn.Module, channels: int, call: Callable[[nn.Module, Tensor], Any]
) -> dict[str, int]:
    """Find the stride of the map that each layer reads, for layers with a kernel or a stride.

    Args:
        network: The network, at its own output stride.
        channels: Channels of its images.
        call: Runs the network: ``call(network, image)``.

    Returns:
        The strides, by the name of the layer.
    """
    strides: dict[str, int] = {}

    def noting(name: str) -> Callable[[nn.Module, tuple], None]:
        def note(layer: nn.Module, args: tuple) -> None:
            side = args[0].shape[-1]
            if args[0].dim() == 4 and side > 1:  # a map of one pixel is a global mean
                strides[name] = 2 ** round(math.log2(SIDE / side))

        return note

    hooks = [
        layer.register_forward_pre_hook(noting(name))
        for name, layer in network.named_modules()
        if window(layer) != ((1, 1), 1)
    ]
    try:
        image = torch.zeros(1, channels, SIDE, SIDE, device='meta')
        run_on_meta(_Call(network, call), image)
    finally:
        for hook in hooks:
            hook.remove()
    return strides


def window(layer: Any) -> tuple[tuple[int, int], int]:
    """Kernel (height, width) and stride of a convolution, pool or blur; ((1, 1), 1) for others.

    Raises:
        UserError: The stride is not the same for height and width.
    """
    if not isinstance(layer, (nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d)) and not is_blur(layer):
        return (1, 1), 1
    kernel = layer.filt_size if is_blur(layer) else layer.kernel_size
    stride = pair(layer.stride)
    if stride[0] != stride[1]:
        raise UserError(f'the stride {stride} of a {type(layer).__name__} has two numbers')
    return pair(kernel), stride[0]


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """A layer's setting, one number or two, as a pair for height and width."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def is_blur(layer: nn.Module) -> bool:
    """Whether a layer is timm's ``BlurPool2d``, known by its attributes; timm may be missing."""
    return hasattr(layer, 'filt') and hasattr(layer, 'pad_mode')


def dilated(layer: Any, step: Step) -> nn.Module:
    """A layer with the parameters of ``layer``, but the stride and rate of ``step``.

    Raises:
        UserError: Layers of that class cannot be dilated.
    """
    if isinstance(layer, nn.Conv2d):
        return _convolution(layer, step)
    (kernel, width), stride = window(layer)
    if step.stride == 1 and kernel == width:
        # An even window begins at the pixel that it computes, so it needs padding behind the map.
        behind = stride - 1 if getattr(layer, 'ceil_mode', False) or kernel % 2 == 0 else 0
        if is_blur(layer):
            reads = Window(kernel, step.rate, layer.padding[0], behind)
            return AtrousBlur2d(layer.filt, reads, layer.pad_mode)
        padding = kernel // 2 if pads_as_tf(layer) else pair(layer.padding)[0]
        reads = Window(kernel, step.rate, padding, behind)
        if isinstance(layer, nn.MaxPool2d):
            return AtrousMaxPool2d(reads)
        if isinstance(layer, nn.AvgPool2d):
            return AtrousAvgPool2d(reads, layer.count_include_pad)
    raise UserError(f'{type(layer).__name__} has no form at stride {step.stride}, rate {step.rate}')


def pads_as_tf(layer: nn.Module) -> bool:
    """Whether a layer is one of timm's that pad as TensorFlow's SAME does."""
    return type(layer).__name__.endswith('Same') and getattr(layer, 'same_pad', True) is True


def _convolution(layer: nn.Conv2d, step: Step) -> nn.Conv2d:
    """A convolution of the same class and parameters as ``layer`` with another stride and dilation.

    It is a copy, because the attributes of subclasses (such as weight standardisation) are not all
    arguments of their constructors.
    """
    kernel, stride = window(layer)
    padding = (0, 0) if pads_as_tf(layer) else pair(layer.padding)  # type: ignore[arg-type]
    rate = (step.rate * layer.dilation[0], step.rate * layer.dilation[1])
    if kernel == (stride, stride) and stride > 1 and padding == (0, 0) and type(layer) is nn.Conv2d:
        return _patches(layer, step.stride, rate)
    new = copy.copy(layer)
    new.__dict__.update(
        stride=(step.stride, step.stride),
        dilation=rate,
        padding=tuple(step.rate * width for width in padding),
    )
    return new


def _patches(layer: nn.Conv2d, stride: int, rate: tuple[int, int]) -> AtrousPatchConv2d:
    new = AtrousPatchConv2d(
        layer.in_channels,
        layer.out_channels,
        kernel_size=pair(layer.kernel_size),
        stride=stride,
        dilation=rate,
        groups=layer.groups,
        bias=layer.bias is not None,
        device='meta',
    )
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(new, name, parameter)
    return new


def dilated_layers(
    network: nn.Module, strides: dict[str, int], output_stride: int
) -> dict[str, nn.Module]:
    """The layers of a network that another output stride replaces, dilated, by name.

    Args:
        network: The network.
        strides: Stride of the map that each layer reads, from :func:`strides_read`.
        output_stride: The output stride that is wanted.
    """
    layers = {}
    for name, nominal in strides.items():
        layer = network.get_submodule(name)
        stride = window(layer)[1]
        step = step_at(nominal, stride, output_stride)
        if step != (stride, 1):
            layers[name] = dilated(layer, step)
    return layers
