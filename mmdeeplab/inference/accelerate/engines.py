"""Ways to run one network at one size, and the fastest of those that a precision allows."""

import sys
import time
from collections.abc import Callable, Iterable

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate import vino
from mmdeeplab.inference.accelerate.calibrate import Calibration
from mmdeeplab.inference.accelerate.choices import Choices
from mmdeeplab.inference.accelerate.graph import OperatorGraph
from mmdeeplab.inference.accelerate.int8 import BytePlan, with_bytes
from mmdeeplab.inference.accelerate.lower import ExecutionPlan
from mmdeeplab.inference.accelerate.passes import optimise
from mmdeeplab.inference.accelerate.record import record
from mmdeeplab.processor import has_bf16, has_vnni

Engine = Callable[[Tensor], Tensor]
Maker = Callable[[EncoderDecoder, Tensor, Calibration], Engine]
TURNS = 3
AUTOCAST = 'autocast-bf16'


def fastest(
    network: EncoderDecoder, x: Tensor, fast: bool | str, calibration: Calibration
) -> tuple[str, Engine]:
    """Name and engine that take the least time on this machine, for inputs of the size of ``x``.

    Measured once, in turns, printed, and kept
    (:class:`mmdeeplab.inference.accelerate.choices.Choices`). Away from CPUs there is one, bfloat16
    by autocast.
    """
    if x.device.type != 'cpu':
        return AUTOCAST, autocast_bf16(network)
    names = able(network, x, fast)
    if shortcoming := unsupported(fast):
        print(f'fast: {shortcoming}', file=sys.stderr)
    choices = Choices(network, tuple(x.shape), fast)
    kept = choices.kept()
    if kept in names:
        return kept, ENGINES[kept][1](network, x, calibration)
    engines = {name: ENGINES[name][1](network, x, calibration) for name in names}
    times = measured(engines, x)
    best = min(names, key=lambda name: times[name])
    choices.keep(best)
    shown = ', '.join(f'{name} {1e3 * times[name]:.0f} ms' for name in names)
    side = 'x'.join(map(str, x.shape))
    print(f'fast: {best} for {side} on this machine ({shown})', file=sys.stderr)
    return best, engines[best]


@torch.no_grad()
def measured(engines: dict[str, Engine], x: Tensor) -> dict[str, float]:
    """Least seconds of each, taken in turns after one run to warm up."""
    times = dict.fromkeys(engines, float('inf'))
    for turn in range(TURNS + 1):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine(x)
            if turn:
                times[name] = min(times[name], time.perf_counter() - start)
    return times


def plain(network: EncoderDecoder, x: Tensor, calibration: Calibration) -> Engine:
    """The engine that runs the network by PyTorch, as it is."""
    return lambda x: network(x, mode='tensor')


def autocast_bf16(network: EncoderDecoder) -> Engine:
    """The network under autocast; its logits in float32."""

    def run(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            return network(x, mode='tensor').float()

    return run


def packed(network: EncoderDecoder, x: Tensor, calibration: Calibration) -> Engine:
    """The engine of packed convolutions in float32."""
    return ExecutionPlan(planned(network, x))


def packed_bf16(network: EncoderDecoder, x: Tensor, calibration: Calibration) -> Engine:
    """The engine of packed convolutions in bfloat16."""
    graph = planned(network, x)
    calibration.correct(graph, x)
    return ExecutionPlan(graph, torch.bfloat16)


def packed_int8(network: EncoderDecoder, x: Tensor, calibration: Calibration) -> Engine:
    """The plan in bytes, with bfloat16 between and in the layers that bytes would spoil."""
    graph = planned(network, x)
    new = calibration.layers is None
    ranges, kept = calibration.apply(graph, x)
    if new:
        layers = ', '.join(calibration.sensitive)
        print(f'fast: in floating point, not int8: {layers}', file=sys.stderr)
    return BytePlan(with_bytes(graph, ranges, kept))


@torch.no_grad()
def planned(network: EncoderDecoder, x: Tensor) -> OperatorGraph:
    """The network's operations for the size of ``x``, folded and fused."""
    names = {id(value): name for name, value in network.named_parameters()}
    return optimise(record(lambda x: network(x, mode='tensor'), x, names))


def able(network: EncoderDecoder, x: Tensor, fast: bool | str) -> list[str]:
    """Engines that ``fast`` allows and the processor computes right, by falling precision.

    OpenVINO, which takes seconds to convert a network for a size, only where it is installed and
    only at the size that the evaluation pads to.
    """
    names = [
        name
        for name, (level, _) in ENGINES.items()
        if level <= LEVELS[fast]
        and (has_bf16() or name not in ('packed-bf16', 'packed-int8'))
        and (has_vnni() or not name.endswith('int8'))
    ]
    usual = getattr(network.data_preprocessor, 'test_size', None)
    if vino.installed() and tuple(x.shape[2:]) == usual and len(x) == 1:
        return names
    return [name for name in names if not name.startswith('openvino')]


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


def ran_as(name: str) -> str:
    """What to record for an engine: OpenVINO's in bfloat16 is one in float32 on some processors."""
    if name == 'openvino-bf16' and not vino.has_bf16():
        return 'openvino-f32'
    return name


def precision(names: Iterable[str]) -> bool | str:
    """The lowest precision among engines, as ``fast`` names it: True (float32), bf16 or int8."""
    endings = {name.rpartition('-')[2] for name in names}
    return next((level for level in ('int8', 'bf16') if level in endings), True)


def unsupported(fast: bool | str) -> str:
    """What to tell where the processor lacks what ``fast`` allows; empty where it does not."""
    if fast == 'int8' and not has_vnni():
        return 'this processor has no VNNI, without which int8 is not exact: floating point instead'
    if fast is not True and not has_bf16():
        return (
            'this processor has no bfloat16 (AVX-512): the fastest of float32 and OpenVINO instead'
        )
    return ''


LEVELS: dict[bool | str, int] = {True: 0, 'bf16': 1, 'int8': 2}
ENGINES: dict[str, tuple[int, Maker]] = {
    'plain': (0, plain),
    'packed': (0, packed),
    'packed-bf16': (1, packed_bf16),
    'openvino-bf16': (1, vino.openvino_bf16),
    'packed-int8': (2, packed_int8),
    'openvino-int8': (2, vino.openvino_int8),
}
"""Name -> the setting of fast from which on it is allowed, and how it is made."""
