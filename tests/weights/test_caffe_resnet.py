"""The importer of DeepLabv2's ResNet-101, against its prototxt written out with plain operators."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from test_caffe import caffemodel
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters import caffe
from mmdeeplab.weights.table import convert

# letters and numbers of the units of blocks 2 to 5, their stride and rate
UNITS = {
    2: ('a', 'b', 'c'),
    3: ('a', 'b1', 'b2', 'b3'),
    4: ('a', *(f'b{i}' for i in range(1, 23))),
    5: ('a', 'b', 'c'),
}
STRIDES, RATES = {3: 2}, {4: 2, 5: 4}
FACTOR = 999.98  # of a moving average that has converged


class Net:
    """Caffe's layers; ``blobs`` fills up while the network runs."""

    def __init__(self) -> None:
        self.blobs: dict[str, np.ndarray] = {}
        self.rng = np.random.default_rng(0)

    def get(self, name: str, values: np.ndarray) -> Tensor:
        blob = self.blobs.setdefault(name, values.astype(np.float32))
        return torch.from_numpy(blob)

    def conv(
        self, x: Tensor, name: str, out: int, k: int, stride: int = 1, rate: int = 1
    ) -> Tensor:
        shape = (out, x.shape[1], k, k)
        weight = self.rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        padding = rate * (k // 2)
        return F.conv2d(x, self.get(f'{name}/weights', weight), None, stride, padding, rate)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """BatchNorm by global statistics, then Scale; the statistics are stored times a factor."""
        c, uniform, normal = x.shape[1], self.rng.uniform, self.rng.normal
        sums = self.get(f'bn{name}/mean', normal(0, 0.1, c) * FACTOR)
        squares = self.get(f'bn{name}/variance', uniform(0.5, 1.5, c) * FACTOR)
        factor = self.get(f'bn{name}/factor', np.array([FACTOR]))
        mean, variance = sums / factor, squares / factor
        low, high = (0.1, 0.3) if name.endswith('2c') else (0.7, 1.3)
        gamma = self.get(f'scale{name}/weights', uniform(low, high, c))
        beta = self.get(f'scale{name}/biases', normal(0, 0.1, c))
        mean, variance, gamma, beta = (v[:, None, None] for v in (mean, variance, gamma, beta))
        return (x - mean) / torch.sqrt(variance + 1e-5) * gamma + beta

    def unit(self, x: Tensor, name: str, width: int, stride: int, rate: int) -> Tensor:
        """The stride sits in the first 1x1 convolution and in the shortcut."""
        shortcut = x
        if name.endswith('a'):
            shortcut = self.conv(x, f'res{name}_branch1', 4 * width, 1, stride)
            shortcut = self.norm(shortcut, f'{name}_branch1')
        y = self.conv(x, f'res{name}_branch2a', width, 1, stride)
        y = self.norm(y, f'{name}_branch2a').relu()
        y = self.conv(y, f'res{name}_branch2b', width, 3, 1, rate)
        y = self.norm(y, f'{name}_branch2b').relu()
        y = self.norm(self.conv(y, f'res{name}_branch2c', 4 * width, 1), f'{name}_branch2c')
        return (shortcut + y).relu()

    def __call__(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W), BGR less their mean -> scores of 21 classes at stride 8."""
        x = self.norm(self.conv(x, 'conv1', 64, 7, 2), '_conv1').relu()
        x = F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True)
        for b, units in UNITS.items():
            for u in units:
                stride = STRIDES.get(b, 1) if u == 'a' else 1
                x = self.unit(x, f'{b}{u}', 16 * 2**b, stride, RATES.get(b, 1))
        scores = []
        for i, rate in enumerate((6, 12, 18, 24)):
            name = f'fc1_voc12_c{i}'
            score = self.conv(x, name, 21, 3, rate=rate)
            bias = self.get(f'{name}/biases', self.rng.normal(0, 0.1, 21))
            scores.append(score + bias[:, None, None])
        return torch.stack(scores).sum(0)


def resize(x: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(x, size, mode='bilinear', align_corners=True)


@pytest.fixture(scope='module')
def net() -> Net:
    net = Net()
    with torch.no_grad():
        net(torch.zeros(1, 3, 33, 33))
    return net


@pytest.mark.parametrize(('suffix', 'size'), [('.npz', (65, 97)), ('.caffemodel', (66, 80))])
def test_equals_the_prototxt(
    net: Net, build: Callable[..., nn.Module], tmp_path: Path, suffix: str, size: tuple
) -> None:
    """On one scale, and on three fused by their maximum."""
    path = tmp_path / f'net{suffix}'
    if suffix == '.npz':
        np.savez(path, **net.blobs)
    else:
        path.write_bytes(caffemodel(net.blobs))
    model = build('deeplabv2_r101_voc').eval()
    blobs = caffe.read(path)
    path.unlink()  # 176 MB
    model.load_state_dict(convert(blobs, caffe.table_for(blobs), model.state_dict()))
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        scores = [net(image)]
        for scale in (0.75, 0.5):
            sides = [int((side - 1) * scale + 1) for side in size]
            scores.append(resize(net(resize(image, sides)), scores[0].shape[2:]))
        fused = torch.stack(scores).amax(0)
        assert 0.3 < fused.std() < 30
        assert (model(image, mode='tensor') - fused).abs().max() < 1e-4
        model.scales = (1.0,)
        assert (model(image, mode='tensor') - scores[0]).abs().max() < 1e-4


def test_what_the_scales_share_is_ignored(net: Net, build: Callable[..., nn.Module]) -> None:
    copies = {}
    for i, (name, blob) in enumerate(net.blobs.items()):
        layer, leaf = name.split('/')
        copies[f'{layer}_res075/{leaf}' if i % 2 else f'res05_{name}'] = blob
    blobs = caffe.divide_statistics(net.blobs | copies)
    (ignored,) = caffe.TABLE.sort_out(blobs).values()
    assert set(ignored) == {name for name in copies if not name.endswith('factor')}
    model = build('deeplabv2_r101_voc').state_dict()
    assert convert(blobs, caffe.table_for(blobs), model).keys() == model.keys()


def test_a_network_for_imagenet_fills_the_backbone(
    net: Net, build: Callable[..., nn.Module]
) -> None:
    blobs = {name: blob for name, blob in net.blobs.items() if not name.startswith('fc1_')}
    blobs |= {'fc1000/weights': np.zeros((1000, 2048)), 'fc1000/biases': np.zeros(1000)}
    blobs = caffe.divide_statistics(blobs)
    model = build('deeplabv2_r101_voc').state_dict()
    backbone = {key for key in model if key.startswith('backbone.')}
    assert convert(blobs, caffe.table_for(blobs), model).keys() == backbone


def test_a_missing_unit_is_named(net: Net, build: Callable[..., nn.Module]) -> None:
    blobs = caffe.divide_statistics(net.blobs)
    blobs['res4b23_branch2a/weights'] = blobs.pop('res4b22_branch2a/weights')
    with pytest.raises(UserError) as error:
        convert(blobs, caffe.TABLE, build('deeplabv2_r101_voc').state_dict())
    assert 'res4b23_branch2a/weights -> backbone.block3.23.conv1.conv.weight' in str(error.value)
    assert 'missing from the source:\n    backbone.block3.22.conv1' in str(error.value)


def test_a_factor_of_zero_gives_zero() -> None:
    """As Caffe has it: a network that never trained."""
    blobs = {f'bn_conv1/{leaf}': np.ones(1) for leaf in ('mean', 'variance')}
    divided = caffe.divide_statistics(blobs | {'bn_conv1/factor': np.zeros(1)})
    assert divided == {'bn_conv1/mean': 0, 'bn_conv1/variance': 0}
