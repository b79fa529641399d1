"""OpenVINO's representation: NAME.xml and NAME.bin beside it, converted from ONNX."""

import json
from pathlib import Path

import numpy as np
import openvino
import torch

from mmdeeplab.export import onnx
from mmdeeplab.export.formats import METADATA, ArtefactSpec, Run


def write(artefact: ArtefactSpec, path: Path) -> None:
    """Write a graph; ``half`` stores its weights in float16.

    Raises:
        UserError: It cannot be exported.
    """
    source = path.with_suffix('.onnx')
    onnx.write(artefact, source)
    convert(source, path, artefact.metadata, half=artefact.precision == 'half')
    source.unlink()


def convert(source: Path, path: Path, contents: dict, half: bool = False) -> None:
    """Convert an ONNX file into OpenVINO's representation."""
    model = openvino.convert_model(str(source))
    model.set_rt_info(json.dumps(contents), [METADATA])
    openvino.save_model(model, str(path), compress_to_fp16=half)


def open_run(path: Path, precision: str) -> Run:
    """Load a network by OpenVINO, as another program would.

    OpenVINO computes in the shortest type that the processor is fast in, e.g. bfloat16, unless it
    is told: only ``float`` is told to stay in float32.
    """
    hint = {'INFERENCE_PRECISION_HINT': 'f32'} if precision == 'float' else {}
    hint['INFERENCE_NUM_THREADS'] = str(torch.get_num_threads())
    network = openvino.Core().compile_model(str(path), 'CPU', hint)

    def run(image: np.ndarray) -> np.ndarray:
        return network(image)[0]

    return run


def metadata(path: Path) -> str:
    """The metadata of an artefact, as JSON."""
    model = openvino.Core().read_model(str(path))
    return str(model.get_rt_info([METADATA]).value) if model.has_rt_info([METADATA]) else ''
