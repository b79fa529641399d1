"""Choose what runs a network: OpenVINO, if it gives the results of the plain network."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate import openvino
from mmdeeplab.inference.accelerate.artefact import ArtefactSpec, ScoresGraph
from mmdeeplab.inference.accelerate.engine_check import (
    CalibrationPicture,
    Engine,
    EngineCheck,
    of_other_sizes,
)
from mmdeeplab.inference.accelerate.fall_back import fall_back
from mmdeeplab.inference.accelerate.int8 import Quantiser
from mmdeeplab.inference.accelerate.parity import TOLERANCES, ParityReport, Tolerance
from mmdeeplab.inference.accelerate.store import ConvertedNetwork, Store
from mmdeeplab.processor import has_vnni

PLAIN, AUTOCAST = 'plain', 'autocast-bf16'
LARGEST = 1025  # side to which a first picture is cut, so that the plain network fits into memory
F32, BF16, INT8 = 'openvino-f32', 'openvino-bf16', 'openvino-int8'
HINTS = {F32: 'f32', BF16: 'bf16', INT8: 'bf16'}
"""Engine -> type of OpenVINO's layers that are not int8; float32 where the CPU has no bfloat16."""


def choose_engine(
    network: EncoderDecoder,
    x: Tensor,
    fast: bool | str,
    pictures: Sequence[CalibrationPicture] = (),
    tolerance: Tolerance | None = None,
) -> tuple[str, Engine]:
    """Choose the engine of a network, for inputs (N, C, H, W) of any number and size.

    A network is converted and compared with the plain one only once, and then read from the cache
    (:class:`mmdeeplab.inference.accelerate.store.Store`).

    Args:
        network: The plain network, in evaluation.
        x: The first input.
        fast: The lowest precision allowed: True (float32), ``'bf16'`` or ``'int8'``.
        pictures: Pictures by which int8 is calibrated, and on which engines are compared; by
            default ``x``.
        tolerance: Replaces :data:`mmdeeplab.inference.accelerate.parity.TOLERANCES`.

    Returns:
        The name of the engine, and the function that computes logits.
    """
    if x.device.type != 'cpu':
        return AUTOCAST, autocast_bf16(network)
    if not openvino.installed():
        tell(f'OpenVINO is not installed: {openvino.INSTALL}; the plain network runs instead')
        return PLAIN, plain(network)
    pictures = pictures or [CalibrationPicture(x[:1, :, :LARGEST, :LARGEST])]
    fast = supported(fast)
    store = Store(network, fast, pictures, tolerance)
    converted = store.read()
    if converted is None:
        tell('converting the network and comparing it with the plain one, once')
        converted = Conversion(network, pictures, tolerance).lowest(fast)
        if converted is None:
            return PLAIN, plain(network)
        store.write(converted)
    for notice in converted.notices:
        tell(notice)
    return converted.engine, openvino.Compiled(converted.model, HINTS[converted.engine])


def supported(fast: bool | str) -> bool | str:
    """The lowest precision allowed that this processor has; print what it lacks."""
    if fast == 'int8' and not has_vnni():
        tell('this processor has no VNNI, without which int8 is not exact: float instead')
        fast = 'bf16'
    if fast == 'bf16' and not openvino.has_bf16():
        tell('OpenVINO finds no bfloat16 in this processor: float32 instead')
        fast = True
    return fast


def plain(network: EncoderDecoder) -> Engine:
    """The engine that runs the network by PyTorch, unchanged."""
    return lambda x: network(x, mode='tensor')


def autocast_bf16(network: EncoderDecoder) -> Engine:
    """The engine that runs the network by PyTorch under autocast to bfloat16; float32 logits."""

    def run(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return network(x, mode='tensor').float()

    return run


class Conversion:
    """Converts a network to an OpenVINO model of the lowest precision that passes the check.

    Args:
        network: The plain network.
        pictures: Pictures to calibrate by and to compare on.
        tolerance: By how much labels and scores may differ; None for the default of each precision.
    """

    def __init__(
        self,
        network: EncoderDecoder,
        pictures: Sequence[CalibrationPicture],
        tolerance: Tolerance | None,
    ) -> None:
        self.network, self.pictures, self.tolerance = network, list(pictures), tolerance
        self.spec = ArtefactSpec(ScoresGraph(network), None, 'float', {})
        self.notices: list[str] = []

    def lowest(self, fast: bool | str) -> ConvertedNetwork | None:
        """The network in the lowest precision; None if only the plain one may run."""
        try:
            model = openvino.convert(self.spec)
        except UserError as error:
            tell(f'{error}; the plain network runs instead')
            return None
        sizes = EngineCheck(self.network, of_other_sizes(self.pictures[0].image))
        self.check = EngineCheck(self.network, self.pictures)
        run = openvino.Compiled(model, HINTS[F32])
        limits = self.tolerance or TOLERANCES['float']
        if faults := sizes.report(run, limits).faults + self.check.report(run, limits).faults:
            tell(f'float32 by OpenVINO is not the plain network: {faults[0]}; that runs instead')
            return None
        if fast == 'int8' and (quantised := self.int8(model)) is not None:
            return ConvertedNetwork(INT8, quantised, self.notices)
        lower = fast is not True and openvino.has_bf16() and self.bf16(model)
        name = BF16 if lower else F32
        return ConvertedNetwork(name, model, self.notices)

    def bf16(self, model: Any) -> bool:
        """Whether the model passes the check in bfloat16."""
        limits = self.tolerance or TOLERANCES['bf16']
        faults = self.check.report(openvino.Compiled(model, HINTS[BF16]), limits).faults
        if faults:
            self.notices.append(f'bf16 is not near enough: {faults[0]}; float32 instead')
        return not faults

    def int8(self, model: Any) -> Any | None:
        """The model with as many int8 layers as pass the check; None if none may be."""
        quantiser = Quantiser(model, [picture.image.numpy() for picture in self.pictures])
        limits = self.tolerance or TOLERANCES['int8']
        quantised: Any = None

        def attempt(in_float: list[str]) -> ParityReport:
            nonlocal quantised
            quantised = quantiser.quantised(in_float)
            return self.check.report(openvino.Compiled(quantised, HINTS[INT8]), limits)

        report, in_float = fall_back(attempt, lambda: quantiser.by_harm)
        if report.faults or len(in_float) == len(quantiser.layers):
            self.notices.append('int8 is not near enough in any layer; floating point instead')
            return None
        if in_float:
            self.notices.append(f'in floating point, not int8: {", ".join(in_float)}')
        return quantised


def require_precision(fast: bool | str, device: str) -> None:
    """Refuse int8 on other devices than a CPU, before anything is read for it.

    Raises:
        UserError: int8 is asked for on another device.
    """
    if fast == 'int8' and torch.device(device).type != 'cpu':
        raise UserError(
            f"fast='int8' computes on CPUs alone, and this network is to run on {device}: take "
            "'bf16', or the CPU (CUDA_VISIBLE_DEVICES=-1; predict.py --device cpu)"
        )


def precision(names: Iterable[str]) -> bool | str:
    """The lowest precision among engines by name: True (float32), ``'bf16'`` or ``'int8'``."""
    endings = {name.rpartition('-')[2] for name in names}
    return next((level for level in ('int8', 'bf16') if level in endings), True)


def tell(words: str) -> None:
    """Print a notice about the engine on standard error."""
    print(f'fast: {words}', file=sys.stderr)
