"""``in_channels`` that a config leaves out: what the part before it returns."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmdeeplab.errors import UserError
from mmdeeplab.models.atrous import OUTPUT_STRIDES, STRIDE, scale_rates
from mmdeeplab.models.backbones.dilate import run_without_numbers

SIZE = (224, 224)  # of the image that has no numbers; what transformers are written for


def lacks_channels(part: Mapping[str, Any]) -> bool:
    """Whether a neck or head takes ``in_channels`` and its config gives none."""
    return 'in_channels' not in part and _argument(part, 'in_channels') is not None


def maps_of(backbone: nn.Module, image_channels: int) -> list[Tensor]:
    """The maps that a backbone returns, without numbers: those it declares, or of a trial run.

    Raises:
        UserError: It neither declares ``channels`` nor runs without numbers.
    """
    if declared := getattr(backbone, 'channels', None):
        return [torch.empty(1, count, 8, 8, device='meta') for count in declared]
    return _maps(backbone, torch.empty(1, image_channels, *SIZE, device='meta'))


def behind(neck: nn.Module | None, maps: list[Tensor]) -> list[Tensor]:
    """The maps that a neck makes of others; the same without a neck."""
    return maps if neck is None else _maps(neck, maps)


def neck_with_channels(part: Mapping[str, Any], backbone: nn.Module, maps: list[Tensor]) -> dict:
    """The config of a neck for these maps.

    One of ours reads the last map; mmseg's read all. Rates that are left out, too, are the neck's
    own at output stride 16, scaled to the backbone's.
    """
    counts = [x.shape[1] for x in maps]
    ours = getattr(_class(part), '__module__', '').startswith('mmdeeplab.')
    new = dict(part, in_channels=counts[-1] if ours else counts)
    rates = _argument(part, 'rates')
    reached = getattr(backbone, 'output_stride', None)
    if rates is not None and 'rates' not in part and reached in OUTPUT_STRIDES:
        new['rates'] = scale_rates(rates.default, STRIDE, reached)
    return new


def head_with_channels(part: Mapping[str, Any], maps: list[Tensor]) -> dict:
    """The config of a head for the maps that its ``in_index`` chooses.

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


def _maps(module: nn.Module, inputs: Any) -> list[Tensor]:
    name = type(module).__name__
    try:
        maps = run_without_numbers(module, inputs)
    except Exception as error:  # whatever others' code raises on shapes
        raise UserError(
            f'the channels that {name} returns are not to be found out ({error}): write '
            'in_channels into neck and heads'
        ) from error
    return list(maps) if isinstance(maps, Sequence) else [maps]


def _class(part: Mapping[str, Any]) -> type | None:
    kind = part['type']
    return kind if isinstance(kind, type) else MODELS.get(kind)


def _argument(part: Mapping[str, Any], name: str) -> inspect.Parameter | None:
    kind = _class(part)
    if kind is None:  # whoever builds it says so
        return None
    parameters = inspect.signature(kind).parameters
    if name not in parameters and issubclass(kind, BaseDecodeHead):
        parameters = inspect.signature(BaseDecodeHead).parameters
    return parameters.get(name)
