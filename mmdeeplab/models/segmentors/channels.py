"""Find the ``in_channels`` that a config leaves out, from the maps of the part before."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmdeeplab.errors import UserError
from mmdeeplab.models.atrous import OUTPUT_STRIDES, STRIDE, scale_rates
from mmdeeplab.models.backbones.base import Backbone
from mmdeeplab.models.meta import run_on_meta

SIZE = (224, 224)  # (H, W) of the trial run's image; the size that transformers are built for


def lacks_channels(part: Mapping[str, Any]) -> bool:
    """Whether a neck or head has an argument ``in_channels`` that its config does not give."""
    return 'in_channels' not in part and _argument(part, 'in_channels') is not None


def maps_of(backbone: nn.Module, image_channels: int) -> list[Tensor]:
    """The shapes of the maps that a backbone returns, as tensors (1, C, h, w) on ``meta``.

    Only C is to be relied on. It comes from the attribute ``channels`` of our backbones, or from a
    trial run on the device ``meta``, which computes shapes only. ``channels`` of other projects'
    backbones may be those of all stages, as in mmseg's ``STDCNet``.

    Raises:
        UserError: The trial run fails.
    """
    if isinstance(backbone, Backbone) and (declared := getattr(backbone, 'channels', None)):
        return [torch.empty(1, count, 8, 8, device='meta') for count in declared]
    return returned(backbone, torch.empty(1, image_channels, *SIZE, device='meta'))


def neck_with_channels(part: Mapping[str, Any], backbone: nn.Module, maps: list[Tensor]) -> dict:
    """Complete the config of a neck for the maps of a backbone.

    ``in_channels`` is that of the last map for our necks, and of all maps for mmseg's. If the
    config gives no rates either, the neck's default rates are scaled to the output stride of the
    backbone. They hold at output stride 16, or at the neck's attribute ``rates_stride``.
    """
    counts = [x.shape[1] for x in maps]
    bases = getattr(_class(part), '__mro__', ())
    ours = any(base.__module__.startswith('mmdeeplab.') for base in bases)
    new = dict(part, in_channels=counts[-1] if ours else counts)
    rates = _argument(part, 'rates')
    reached = getattr(backbone, 'output_stride', None)
    if rates is not None and 'rates' not in part and reached in OUTPUT_STRIDES:
        stride = getattr(_class(part), 'rates_stride', STRIDE)
        new['rates'] = scale_rates(rates.default, stride, reached)
    return new


def head_with_channels(part: Mapping[str, Any], maps: list[Tensor]) -> dict:
    """Complete the config of a head with the channels of the maps that its ``in_index`` names.

    Raises:
        UserError: There is no such map.
    """
    default = _argument(part, 'in_index')
    index = part.get('in_index', default.default if default else -1)
    try:
        chosen = [maps[i].shape[1] for i in ([index] if isinstance(index, int) else index)]
    except IndexError as error:
        raise UserError(
            f'in_index={index!r} of {part["type"]}: there are {len(maps)} maps'
        ) from error
    return dict(part, in_channels=chosen[0] if isinstance(index, int) else chosen)


def returned(module: nn.Module, inputs: Any) -> list[Tensor]:
    """The maps that a part returns for ``inputs`` on ``meta``, or a UserError if it fails there."""
    name = type(module).__name__
    try:
        maps = run_on_meta(module, inputs)
    except Exception as error:  # code of other projects may raise anything here
        raise UserError(
            f'the channels that {name} returns are not to be found out ({error}): write '
            'in_channels into neck and heads'
        ) from error
    return list(maps) if isinstance(maps, Sequence) else [maps]


def _class(part: Mapping[str, Any]) -> type | None:
    part_type = part['type']
    return part_type if isinstance(part_type, type) else MODELS.get(part_type)


def _argument(part: Mapping[str, Any], name: str) -> inspect.Parameter | None:
    """An argument of a part's class, or of the base to which the class hands on ``**kwargs``."""
    for base in getattr(_class(part), '__mro__', ()):  # none of an unknown name, reported later
        init: Any = base.__init__
        parameters = inspect.signature(init).parameters
        if name in parameters:
            return parameters[name]
        if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            return None
    return None
