"""Hugging Face's MobileNetV2 for segmentation, against the package itself."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from peer_weights import randomise
from safetensors.torch import save_file
from torch import nn

from mmdeeplab.weights.converters import hf
from mmdeeplab.weights.reference_models import load
from mmdeeplab.weights.table import Fitting, convert


@pytest.fixture(scope='module')
def transformers() -> ModuleType:
    """The package; `make env` puts it into a folder of its own."""
    try:
        return load('transformers')
    except ImportError as error:
        pytest.skip(f'needs transformers: make env ({error})')


@pytest.mark.parametrize('output_stride', [8, 16])
def test_equals_transformers(
    transformers: ModuleType,
    build: Callable[..., nn.Module],
    tmp_path: Path,
    output_stride: int,
) -> None:
    """Both kinds of file."""
    options = transformers.MobileNetV2Config(num_labels=21, output_stride=output_stride)
    peer = transformers.MobileNetV2ForSemanticSegmentation(options)
    randomise(peer, torch.randn(2, 3, 129, 129))
    path = tmp_path / ('model.safetensors' if output_stride == 8 else 'pytorch_model.bin')
    save = save_file if output_stride == 8 else torch.save
    save(peer.state_dict(), path)
    tensors = hf.read(path)
    assert hf.config_for(tensors) == Fitting('deeplabv3_mobilenetv2_voc')
    model = build('deeplabv3_mobilenetv2_voc', **{'model.backbone.output_stride': output_stride})
    table = hf.table_for(tensors)
    model.load_state_dict(convert(tensors, table, model.state_dict()))
    ignored = table.sort_out(tensors)
    assert len(ignored['tensors of the last convolution, which segmentation does not use']) == 5
    model.eval()
    for size in ((129, 129), (96, 130)):
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            expected = peer(image).logits
            assert 0.3 < expected.std() < 30
            assert (model(image) - expected).abs().max() < 1e-4
