"""The engine that runs a network: OpenVINO where it gives what the plain network gives."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate import openvino
from mmdeeplab.inference.accelerate.artefact import ArtefactSpec, ScoresGraph
from mmdeeplab.inference.accelerate.fall_back import fall_back
from mmdeeplab.inference.accelerate.gate import CalibrationPicture, Engine, Gate, of_other_sizes
from mmdeeplab.inference.accelerate.int8 import Quantiser
from mmdeeplab.inference.accelerate.parity import TOLERANCES, ParityReport, Tolerance
from mmdeeplab.inference.accelerate.store import Store
from mmdeeplab.processor import has_vnni

PLAIN, AUTOCAST = 'plain', 'autocast-bf16'
LARGEST = 1025  # of a first picture: the plain network may need more memory than there is
F32, BF16, INT8 = 'openvino-f32', 'openvino-bf16', 'openvino-int8'
HINTS = {F32: 'f32', BF16: 'bf16', INT8: 'bf16'}
"""Engine -> in what OpenVINO computes what is not in bytes; float32 where there is no bfloat16."""


def choose_engine(
    network: EncoderDecoder,
    x: Tensor,
    fast: bool | str,
    pictures: Sequence[CalibrationPicture] = (),
    tolerance: Tolerance | None = None,
) -> tuple[str, Engine]:
    """Name and engine for inputs (N, C, H, W) of any number and size.

    Converted and compared with the plain network once, then read from the cache
    (:class:`mmdeeplab.inference.accelerate.store.Store`).

    Args:
        network: The plain network, in evaluation.
        x: The first input.
        fast: True, ``'bf16'`` or ``'int8'``.
        pictures: That int8 is calibrated by, and all compared on; without any, ``x``.
        tolerance: In the place of :data:`mmdeeplab.inference.accelerate.parity.TOLERANCES`.
    """
    if x.device.type != 'cpu':
        return AUTOCAST, autocast_bf16(network)
    if not openvino.installed():
        tell(f'OpenVINO is not installed: {openvino.INSTALL}; the plain network runs instead')
        return PLAIN, plain(network)
    pictures = pictures or [CalibrationPicture(x[:1, :, :LARGEST, :LARGEST])]
    store = Store(network, fast, pictures, tolerance)
    found = store.read()
    if found is None:
        tell('converting the network and comparing it with the plain one, once')
        found = Conversion(network, pictures, tolerance).lowest(fast)
        if found is None:
            return PLAIN, plain(network)
        store.write(*found)
    name, model = found
    return name, openvino.Compiled(model, HINTS[name])


def plain(network: EncoderDecoder) -> Engine:
    """The engine that runs the network by PyTorch, as it is."""
    return lambda x: network(x, mode='tensor')


def autocast_bf16(network: EncoderDecoder) -> Engine:
    """The network under autocast; its logits in float32."""

    def run(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return network(x, mode='tensor').float()

    return run


class Conversion:
    """A network as OpenVINO's model, in as low a precision as passes the check.

    Args:
        network: The plain network.
        pictures: To calibrate by and compare on.
        tolerance: What labels and scores may differ by; None for the usual of each precision.
    """

    def __init__(
        self,
        network: EncoderDecoder,
        pictures: Sequence[CalibrationPicture],
        tolerance: Tolerance | None,
    ) -> None:
        self.network, self.pictures, self.tolerance = network, list(pictures), tolerance
        self.spec = ArtefactSpec(ScoresGraph(network), None, 'float', {})

    def lowest(self, fast: bool | str) -> tuple[str, Any] | None:
        """The engine's name and its model; None where the plain network must run."""
        try:
            model = openvino.convert(self.spec)
        except UserError as error:
            tell(f'{error}; the plain network runs instead')
            return None
        sizes = Gate(self.network, of_other_sizes(self.pictures[0].image))
        self.gate = Gate(self.network, self.pictures)
        run = openvino.Compiled(model, HINTS[F32])
        limits = self.tolerance or TOLERANCES['float']
        if wrong := sizes.report(run, limits).faults + self.gate.report(run, limits).faults:
            tell(f'float32 by OpenVINO is not the plain network: {wrong[0]}; that runs instead')
            return None
        if fast == 'int8' and (quantised := self.int8(model)) is not None:
            return INT8, quantised
        if fast is not True and self.bf16(model):
            return BF16, model
        return F32, model

    def bf16(self, model: Any) -> bool:
        """Whether the processor has bfloat16, and the model passes in it."""
        if not openvino.has_bf16():
            tell('OpenVINO finds no bfloat16 in this processor: float32 instead')
            return False
        limits = self.tolerance or TOLERANCES['half']
        wrong = self.gate.report(openvino.Compiled(model, HINTS[BF16]), limits).faults
        if wrong:
            tell(f'bf16 is not near enough: {wrong[0]}; float32 instead')
        return not wrong

    def int8(self, model: Any) -> Any | None:
        """The model with as many layers in bytes as pass; None where none may be."""
        if not has_vnni():
            tell('this processor has no VNNI, without which int8 is not exact: float instead')
            return None
        quantiser = Quantiser(model, [one.image.numpy() for one in self.pictures])
        limits = self.tolerance or TOLERANCES['int8']
        found: Any = None

        def attempt(in_float: list[str]) -> ParityReport:
            nonlocal found
            found = quantiser.quantised(in_float)
            return self.gate.report(openvino.Compiled(found, HINTS[INT8]), limits)

        report, in_float = fall_back(attempt, lambda: quantiser.by_harm)
        if report.faults or len(in_float) == len(quantiser.layers):
            tell('int8 is not near enough in any layer; floating point instead')
            return None
        if in_float:
            tell(f'in floating point, not int8: {", ".join(in_float)}')
        return found


def require_precision(fast: bool | str, device: str) -> None:
    """Refuse what is computed on CPUs alone, before anything is read for it.

    Raises:
        UserError: int8 on another device.
    """
    if fast == 'int8' and torch.device(device).type != 'cpu':
        raise UserError(
            f"fast='int8' computes on CPUs alone, and this network is to run on {device}: take "
            "'bf16', or the CPU (CUDA_VISIBLE_DEVICES=-1; predict.py --device cpu)"
        )


def precision(names: Iterable[str]) -> bool | str:
    """The lowest precision among engines, as ``fast`` names it: True (float32), bf16 or int8."""
    endings = {name.rpartition('-')[2] for name in names}
    return next((level for level in ('int8', 'bf16') if level in endings), True)


def tell(words: str) -> None:
    """Say what the engine does, where it does not disturb a command's output."""
    print(f'fast: {words}', file=sys.stderr)
