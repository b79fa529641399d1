"""Convert networks for OpenVINO, write and read its files (NAME.xml, NAME.bin), and run them."""

import json
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmdeeplab.cores import usable_cores
from mmdeeplab.inference.accelerate.artefact import INPUT, METADATA, ArtefactSpec, Run
from mmdeeplab.inference.accelerate.program import traced, writing_graph

INSTALL = "pip install openvino (the extra 'export')"


def installed() -> bool:
    """Whether OpenVINO is installed."""
    return find_spec('openvino') is not None


@cache
def core() -> Any:
    """OpenVINO's ``Core``, one for the life of the process.

    Its CPU plugin lends the thread that loads it a stack for signal handlers, and takes the memory
    away when the last user of the plugin goes. If that happens in another thread, the next signal,
    such as that of Ctrl-C, ends the process with a segmentation fault.
    """
    import openvino

    return openvino.Core()


@cache
def has_bf16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor; otherwise it uses float32."""
    return 'BF16' in core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')


def convert(artefact: ArtefactSpec) -> Any:
    """Convert a graph to an OpenVINO model; without a given size, batch and sizes stay open.

    Raises:
        UserError: The graph cannot be traced, or has an operation that OpenVINO lacks.
    """
    import openvino

    program, example = traced(artefact), artefact.graph.example(artefact.size)
    shape = list(example.shape)
    if artefact.size is None:
        shape = [-1 if i in artefact.graph.axes() else side for i, side in enumerate(shape)]
    with writing_graph(artefact), warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # it uses torch.jit
        model = openvino.convert_model(program, example_input=example, input=shape)
    model.input(0).set_names({INPUT})
    model.output(0).set_names({artefact.graph.output})
    return model


def write(artefact: ArtefactSpec, path: Path) -> None:
    """Convert and write a graph; the precision ``half`` stores its weights in float16.

    Raises:
        UserError: It cannot be exported.
    """
    save(convert(artefact), path, artefact.metadata, half=artefact.precision == 'half')


def read(path: Path) -> Any:
    """Read a model from an OpenVINO or ONNX file."""
    return core().read_model(str(path))


def save(model: Any, path: Path, contents: dict, half: bool = False) -> None:
    """Write a model with its metadata; ``half`` stores weights in float16."""
    import openvino

    model.set_rt_info(json.dumps(contents), [METADATA])
    openvino.save_model(model, str(path), compress_to_fp16=half)


def open_run(path: Path, precision: str) -> Run:
    """Load a file by OpenVINO; return the function that runs it.

    By default OpenVINO computes in the shortest type in which the processor is fast, such as
    bfloat16. Only for the precision ``float`` it is told to use float32.
    """
    hint = {'INFERENCE_PRECISION_HINT': 'f32'} if precision == 'float' else {}
    hint['INFERENCE_NUM_THREADS'] = str(torch.get_num_threads())
    network = core().compile_model(str(path), 'CPU', hint)

    def run(image: np.ndarray) -> np.ndarray:
        return network(image)[0]

    return run


class _OfThread(local):
    """The inference requests of one thread, by number of cores."""

    def __init__(self) -> None:
        self.requests: dict[int, Any] = {}


class Compiled:
    """A compiled model, which several threads may call at once with tensors on the CPU.

    Each call computes with as many cores as PyTorch uses in its thread. If threads share the cores,
    the network is compiled a second time, so that OpenVINO gives the pass of each thread its own
    cores; otherwise passes would run one after the other on all of them.

    Args:
        model: A model from :func:`convert` or :func:`read`.
        precision: ``f32`` or ``bf16``, for the layers that are not in int8.
    """

    def __init__(self, model: Any, precision: str) -> None:
        self.model, self.precision = model, precision
        self._networks: dict[int, Any] = {}  # by cores of a pass
        self._compiling = Lock()
        self._local = _OfThread()

    def __call__(self, x: Tensor) -> Tensor:
        request = self._request(torch.get_num_threads())
        outputs = request.infer([x.contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(np.array(outputs[0]))  # a copy: the request reuses its memory

    def _request(self, cores: int) -> Any:
        """The inference request of this thread for a number of cores."""
        requests = self._local.requests
        if cores not in requests:
            with self._compiling:
                if cores not in self._networks:
                    self._networks[cores] = self._compile(cores)
            requests[cores] = self._networks[cores].create_infer_request()
        return requests[cores]

    def _compile(self, cores: int) -> Any:
        passes = max(usable_cores() // cores, 1)
        hints = dict(
            INFERENCE_PRECISION_HINT=self.precision,
            INFERENCE_NUM_THREADS=cores * passes,
            NUM_STREAMS=passes,
            ENABLE_CPU_PINNING=False,  # the other threads of this process want the cores, too
        )
        return core().compile_model(self.model, 'CPU', hints)


def metadata(path: Path) -> str:
    """The metadata of an artefact, as JSON."""
    return metadata_of(read(path))


def metadata_of(model: Any) -> str:
    """The metadata of a model, as JSON; empty if it has none."""
    return str(model.get_rt_info([METADATA]).value) if model.has_rt_info([METADATA]) else ''
