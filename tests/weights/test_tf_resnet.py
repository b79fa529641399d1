"""The importer's ResNet rules, and the networks, against TF's graph written out by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tf_resnet_graph import Graph, Network
from torch import nn

from mmdeeplab.weights.converters import tf
from mmdeeplab.weights.table import convert

AS_RELEASED = {'model.backbone.multi_grid': (1, 1, 1), 'model.neck.separable': True}
R50 = Graph('resnet_v1_50', (3, 4, 6, 3), decoder=False)
# config, overrides, TF's graph
GRAPHS = {
    'r101-decoder-os16': ('deeplabv3plus_r101-beta_voc', AS_RELEASED, Graph()),
    'r50-os8': (
        'deeplabv3_r50-beta-os8_voc',
        AS_RELEASED,
        R50._replace(output_stride=8, rates=(12, 24, 36)),
    ),
    'r50-multi-grid-plain-convolutions': (
        'deeplabv3plus_r101-beta_voc',
        {'model.backbone.depth': 50, 'model.decode_head.separable': False},
        R50._replace(multi_grid=(1, 2, 4), separable=False, decoder=True),
    ),
    'r50-plain-stem-os32': (
        'deeplabv3_r101-beta_voc',
        {
            'model.backbone.depth': 50,
            'model.backbone.stem': '7x7',
            'model.backbone.output_stride': 32,
            'model.neck.rates': (3, 6, 9),
        },
        R50._replace(
            beta=False, multi_grid=(1, 2, 4), output_stride=32, rates=(3, 6, 9), separable=False
        ),
    ),
}
WRONG = [  # what must show: overrides of the first row
    {'model.backbone.style': 'torchvision'},
    {'model.backbone.multi_grid': (1, 2, 4)},
    {'model.backbone.taps': 'stage', 'model.backbone.style': 'caffe'},
    {'model.backbone.norm_cfg.eps': 1e-3},
    {'model.neck.rates': (12, 24, 36)},
]


def logits(model: nn.Module, variables: dict, image: np.ndarray) -> torch.Tensor:
    model.load_state_dict(convert(variables, tf.TABLE, model.state_dict()))
    inputs = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        return model.eval()(inputs, mode='tensor').permute(0, 2, 3, 1)


def picture(*size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)


@pytest.mark.parametrize('row', GRAPHS)
def test_equals_the_graph(row: str, build: Callable[..., nn.Module]) -> None:
    """At an odd and at even sizes: TF's pool and its convolutions pad them differently."""
    config, options, graph = GRAPHS[row]
    network, model = Network(graph), build(config, **options)
    for size in ((129, 129), (98, 130), (64, 96)):
        image = picture(*size)
        with torch.no_grad():
            expected = network(image)
        found = logits(model, network.variables, image)
        assert 0.3 < expected.abs().mean() < 3
        assert (found - expected).abs().max() < 1e-5


def test_a_wrong_network_would_show(build: Callable[..., nn.Module]) -> None:
    config, options, graph = GRAPHS['r101-decoder-os16']
    network, image = Network(graph), picture(129, 129)
    with torch.no_grad():
        expected = network(image)
    for wrong in WRONG:
        model = build(config, **options | wrong)
        assert (logits(model, network.variables, image) - expected).abs().max() > 1e-4, wrong


def test_even_sizes_tell_the_pools_apart(build: Callable[..., nn.Module]) -> None:
    config, options, graph = GRAPHS['r50-os8']
    network, image = Network(graph), picture(64, 64)
    model = build(config, **options)
    model.backbone.pool = nn.MaxPool2d(3, 2, 1)
    with torch.no_grad():
        expected = network(image)
    assert (logits(model, network.variables, image) - expected).abs().max() > 1e-4


def test_variables_of_the_checkpoint() -> None:
    """Names, shapes and number of trainable values of the graph itself (spec 2.6 and 6)."""
    network = Network(Graph(separable=False))
    with torch.no_grad():
        network(picture(33, 33))
    trained = [v.size for name, v in network.variables.items() if 'moving_' not in name]
    assert sum(trained) == 59_468_085
    shapes = {name: v.shape for name, v in network.variables.items()}
    assert shapes['resnet_v1_101/conv1_3/weights'] == (3, 3, 64, 128)
    unit = 'resnet_v1_101/block3/unit_23/bottleneck_v1/'
    assert shapes[unit + 'conv2/weights'] == (3, 3, 256, 256)
    assert unit + 'shortcut/weights' not in shapes
    assert shapes['resnet_v1_101/block4/unit_1/bottleneck_v1/shortcut/weights'] == (
        1,
        1,
        1024,
        2048,
    )
