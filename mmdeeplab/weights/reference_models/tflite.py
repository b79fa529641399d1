"""Run TensorFlow Lite's interpreter, LiteRT, as a reference for our network."""

from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor

from mmdeeplab.weights.reference_models import ReferenceModel
from mmdeeplab.weights.table import Array

INSTALL = 'pip install ai-edge-litert'


def build(source: Mapping[str, Array], path: Path, cfg: Config) -> ReferenceModel:
    """The interpreter with the file; it takes pictures of one size, and may return labels."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    input_info = interpreter.get_input_details()[0]
    output_info = interpreter.get_output_details()[0]

    def run(picture: Tensor, x: Tensor) -> Tensor:
        dtype = input_info['dtype'].__name__
        image = picture if dtype == 'uint8' else x
        if dtype == 'int8':
            scale, zero = input_info['quantization']
            image = (x / scale + zero).round().clamp(-128, 127).to(torch.int8)
        interpreter.set_tensor(input_info['index'], image.permute(0, 2, 3, 1).contiguous().numpy())
        interpreter.invoke()
        answer = torch.from_numpy(interpreter.get_tensor(output_info['index']))
        if answer.ndim == 3:
            return answer
        scale, zero = output_info['quantization']
        real = answer.float() if not scale else (answer.float() - zero) * scale
        return real.permute(0, 3, 1, 2)

    _, height, width, _ = input_info['shape'].tolist()
    return ReferenceModel(run, ((height, width),), labels=len(output_info['shape']) == 3)
