"""OpenVINO: conversion, and its representation on disk, NAME.xml and NAME.bin beside it."""

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
    """Whether the package is there."""
    return find_spec('openvino') is not None


@cache
def has_bf16() -> bool:
    """Whether OpenVINO has bfloat16 on this processor; where not, it computes in float32."""
    import openvino

    return 'BF16' in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES')


def convert(artefact: ArtefactSpec) -> Any:
    """The graph as OpenVINO's model, with batch and sizes open where no size is given.

    Raises:
        UserError: It cannot be traced, or has an operation that OpenVINO lacks.
    """
    import openvino

    program, example = traced(artefact), artefact.graph.example(artefact.size)
    shape = list(example.shape)
    if artefact.size is None:
        shape = [-1 if i in artefact.graph.axes() else side for i, side in enumerate(shape)]
    with writing_graph(artefact), warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # of torch.jit, which it asks
        model = openvino.convert_model(program, example_input=example, input=shape)
    model.input(0).set_names({INPUT})
    model.output(0).set_names({artefact.graph.output})
    return model


def write(artefact: ArtefactSpec, path: Path) -> None:
    """Write a graph; ``half`` stores its weights in float16.

    Raises:
        UserError: It cannot be exported.
    """
    save(convert(artefact), path, artefact.metadata, half=artefact.precision == 'half')


def read(path: Path) -> Any:
    """A model from a file of OpenVINO or ONNX."""
    import openvino

    return openvino.Core().read_model(str(path))


def save(model: Any, path: Path, contents: dict, half: bool = False) -> None:
    """Write a model with its metadata."""
    import openvino

    model.set_rt_info(json.dumps(contents), [METADATA])
    openvino.save_model(model, str(path), compress_to_fp16=half)


def open_run(path: Path, precision: str) -> Run:
    """Load a network by OpenVINO, as another program would.

    OpenVINO computes in the shortest type that the processor is fast in, e.g. bfloat16, unless it
    is told: only ``float`` is told to stay in float32.
    """
    import openvino

    hint = {'INFERENCE_PRECISION_HINT': 'f32'} if precision == 'float' else {}
    hint['INFERENCE_NUM_THREADS'] = str(torch.get_num_threads())
    network = openvino.Core().compile_model(str(path), 'CPU', hint)

    def run(image: np.ndarray) -> np.ndarray:
        return network(image)[0]

    return run


class _OfThread(local):
    """Requests by cores, empty in every thread that begins."""

    def __init__(self) -> None:
        self.requests: dict[int, Any] = {}


class Compiled:
    """A model's output for its input, both on the CPU; several threads may ask at once.

    Each call computes with as many cores as PyTorch has in its thread. For threads that have a
    share of them each, the network is compiled a second time: OpenVINO then gives every thread's
    pass its own cores, where one after the other had all.

    Args:
        model: Of :func:`convert` or :func:`read`.
        precision: ``f32``, or ``bf16`` for what is not in bytes.
    """

    def __init__(self, model: Any, precision: str) -> None:
        self.model, self.precision = model, precision
        self._networks: dict[int, Any] = {}  # by cores of a pass
        self._compiling = Lock()
        self._own = _OfThread()

    def __call__(self, x: Tensor) -> Tensor:
        request = self._request(torch.get_num_threads())
        found = request.infer([x.contiguous().numpy()], share_inputs=True)
        return torch.from_numpy(np.array(found[0]))  # the request writes there again

    def _request(self, cores: int) -> Any:
        """This thread's own."""
        requests = self._own.requests
        if cores not in requests:
            with self._compiling:
                if cores not in self._networks:
                    self._networks[cores] = self._compile(cores)
            requests[cores] = self._networks[cores].create_infer_request()
        return requests[cores]

    def _compile(self, cores: int) -> Any:
        import openvino

        passes = max(usable_cores() // cores, 1)
        hints = dict(
            INFERENCE_PRECISION_HINT=self.precision,
            INFERENCE_NUM_THREADS=cores * passes,
            NUM_STREAMS=passes,
            ENABLE_CPU_PINNING=False,  # the other threads of this process want the cores, too
        )
        return openvino.Core().compile_model(self.model, 'CPU', hints)


def metadata(path: Path) -> str:
    """The metadata of an artefact, as JSON."""
    return told(read(path))


def told(model: Any) -> str:
    """What a model tells of itself, as JSON; empty where nothing."""
    return str(model.get_rt_info([METADATA]).value) if model.has_rt_info([METADATA]) else ''
