"""The dense prediction cell against TensorFlow's graph, written from its code and its JSON."""

from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from places import ROOT
from tf_graph import Graph
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.config.output_stride import with_output_stride
from mmdeeplab.weights.converters import tf
from mmdeeplab.weights.table import Fitting, convert

CONFIG = 'deeplabv3plus_xception71-dpc_cityscapes'
# What a branch reads (-1: the features), and its rates of height and width, by the publisher's
# `dense_prediction_cell_branch5_top1_cityscapes.json`.
BRANCHES = [(-1, (1, 6)), (0, (18, 15)), (1, (6, 3)), (0, (1, 1)), (0, (6, 21))]


def cell(graph: Graph, features: Tensor, multiplier: int = 1) -> Tensor:
    """The cell of `build_cell`, at ``multiplier`` times its rates."""
    branches: list[Tensor] = []
    for i, (source, rates) in enumerate(BRANCHES):
        x = features if source < 0 else branches[source]
        scope = f'meta_architecture/branch{i}'
        kernel = graph.variable(f'{scope}_depthwise/depthwise_weights', 3, 3, x.shape[1], 1)
        h, w = (rate * multiplier for rate in rates)
        x = F.conv2d(
            F.pad(x, (w, w, h, h)), kernel.permute(2, 3, 0, 1), dilation=(h, w), groups=x.shape[1]
        )
        x = F.relu(graph.norm(x, f'{scope}_depthwise', 1e-5))
        branches.append(graph.conv(x, f'{scope}_pointwise', 256, F.relu, eps=1e-5))
    together = torch.cat(branches, 1)
    return graph.conv(together, 'meta_architecture/concat_projection', 256, F.relu, eps=1e-5)


@pytest.fixture(scope='module')
def features() -> Tensor:
    return torch.randn(1, 2048, 20, 43, generator=torch.Generator().manual_seed(0)).double()


def neck(build: Callable[..., nn.Module], graph: Graph, output_stride: int = 16) -> nn.Module:
    """Ours with the graph's variables, every one of which has its place."""
    cfg = with_output_stride(Config.fromfile(ROOT / f'configs/{CONFIG}.py'), output_stride)
    model = build(CONFIG, **{'model.neck.rates': cfg.model.neck.rates})
    table = tf.TABLE._replace(part='neck')
    state = convert(graph.variables, table, model.state_dict())
    assert {f'neck.{key}' for key in model.neck.state_dict()} == state.keys()
    model.neck.load_state_dict({key.removeprefix('neck.'): value for key, value in state.items()})
    return model.neck.double().eval()


def test_equals_the_graph(build: Callable[..., nn.Module], features: Tensor) -> None:
    graph = Graph()
    expected = cell(graph, features)
    with torch.no_grad():
        (found,) = neck(build, graph)((features,))
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected)


def test_rates_double_at_output_stride_8(build: Callable[..., nn.Module], features: Tensor) -> None:
    graph = Graph()
    expected = cell(graph, features, multiplier=2)
    with torch.no_grad():
        (found,) = neck(build, graph, 8)((features,))
    torch.testing.assert_close(found, expected)


def test_its_variables_name_its_config() -> None:
    graph = Graph()
    cell(graph, torch.zeros(1, 2048, 2, 2).double())
    assert tf.config_for(graph.variables) == Fitting(CONFIG)
