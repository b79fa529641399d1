"""Write ONNX files, and run them by ONNX Runtime."""

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from mmdeeplab.inference.accelerate.artefact import INPUT, METADATA, ArtefactSpec, Run
from mmdeeplab.inference.accelerate.program import exported, writing_graph

OPSET = 18


def write(artefact: ArtefactSpec, path: Path) -> None:
    """Write a graph as one ONNX file, with BatchNorm folded into the convolutions before it.

    Raises:
        UserError: It cannot be exported.
    """
    program = exported(artefact)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    with writing_graph(artefact), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        converted = torch.onnx.export(
            program,
            (),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[artefact.graph.output],
        )
    assert converted is not None
    converted.save(str(path), external_data=False)
    describe(path, artefact.metadata)


def describe(path: Path, contents: dict) -> None:
    """Replace the exporter's metadata in a file by ours."""
    model = onnx.load(path)
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # stack traces with the paths of this machine
        node.doc_string = ''
    model.metadata_props.add(key=METADATA, value=json.dumps(contents))
    onnx.save(model, path)


def open_run(path: Path, precision: str) -> Run:
    """Load an ONNX file by ONNX Runtime; return the function that runs it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])

    def run(image: np.ndarray) -> np.ndarray:
        return session.run(None, {INPUT: image})[0]

    return run


def metadata(path: Path) -> str:
    """The metadata of an artefact, as JSON."""
    props = onnx.load(path).metadata_props
    return next((row.value for row in props if row.key == METADATA), '')
