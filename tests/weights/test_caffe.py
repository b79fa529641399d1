"""The importer of the authors' Caffe arrays, against the networks as their prototxt files run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import wire
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters import caffe
from mmdeeplab.weights.converters.caffe_start import from_classification
from mmdeeplab.weights.table import convert

WIDTH = 4  # of fc6 and fc7 here; 1024 published
STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def layer(name: str, *shape: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(name) + sum(map(ord, name)))
    std = np.sqrt(2 / np.prod(shape[1:]))
    return {
        f'{name}/weights': rng.normal(0, std, shape).astype(np.float32),
        f'{name}/biases': rng.normal(0, 0.1, shape[0]).astype(np.float32),
    }


def network(suffixes: tuple[str, ...], width: int = WIDTH) -> dict[str, np.ndarray]:
    arrays, channels = {}, 3
    for s, (out, depth) in enumerate(STAGES, 1):
        for i in range(1, depth + 1):
            arrays |= layer(f'conv{s}_{i}', out, channels, 3, 3)
            channels = out
    for suffix in suffixes:
        arrays |= layer(f'fc6{suffix}', width, 512, 3, 3)
        arrays |= layer(f'fc7{suffix}', width, width, 1, 1)
        arrays |= layer(f'fc8_voc12{suffix}', 21, width, 1, 1)
    return arrays


def run(arrays: dict, image: Tensor, rates: dict[str, int]) -> Tensor:
    """The prototxt's network, with one fc8 a branch, summed."""

    def conv(x: Tensor, name: str, rate: int = 1) -> Tensor:
        weights, biases = (torch.from_numpy(arrays[f'{name}/{p}']) for p in ('weights', 'biases'))
        padding = (weights.shape[2] - 1) * rate // 2
        return F.conv2d(x, weights, biases, padding=padding, dilation=rate)

    x = image
    for s, (_, depth) in enumerate(STAGES, 1):
        for i in range(1, depth + 1):
            x = conv(x, f'conv{s}_{i}', 2 if s == 5 else 1).relu()
        x = F.max_pool2d(x, 3, 2 if s < 4 else 1, 1, ceil_mode=True)
    x = F.avg_pool2d(x, 3, 1, 1)
    scores = []
    for suffix, rate in rates.items():
        y = conv(x, f'fc6{suffix}', rate).relu()
        scores.append(conv(conv(y, f'fc7{suffix}').relu(), f'fc8_voc12{suffix}'))
    return sum(scores)


@pytest.mark.parametrize(
    ('config', 'rates'),
    [
        ('deeplabv1_vgg16_voc', {'': 12}),
        ('deeplabv2_vgg16_voc', {'_1': 6, '_2': 12, '_3': 18, '_4': 24}),
    ],
)
def test_equals_the_prototxt(
    build: Callable[..., nn.Module], tmp_path: Path, config: str, rates: dict
) -> None:
    arrays = network(tuple(rates))
    np.savez(tmp_path / 'net.npz', **arrays)
    wide = len(rates) * WIDTH
    model = build(
        config,
        **{
            'model.neck.channels': WIDTH,
            'model.decode_head.in_channels': wide,
            'model.decode_head.channels': wide,
        },
    )
    state = convert(caffe.read(tmp_path / 'net.npz'), caffe.TABLE, model.state_dict())
    model.load_state_dict(state)
    image = torch.randn(1, 3, 65, 49)
    with torch.no_grad():
        torch.testing.assert_close(
            model.eval()(image), run(arrays, image, rates), rtol=1e-4, atol=1e-4
        )


def test_side_branches_have_their_places(build: Callable[..., nn.Module]) -> None:
    model = build('deeplabv1_vgg16-msc_voc')
    arrays = network(('',), 1024)
    taps = {'data': 3, 'pool1': 64, 'pool2': 128, 'pool3': 256, 'pool4': 512}
    for tap, channels in taps.items():
        arrays |= layer(f'{tap}_conv', 128, channels, 3, 3)
        arrays |= layer(f'{tap}_fc', 128, 128, 1, 1)
        arrays |= layer(f'{tap}_ms', 21, 128, 1, 1)
    state = convert(arrays, caffe.TABLE, model.state_dict())
    for i, tap in enumerate(taps):
        for theirs, ours in (('conv', 'conv'), ('fc', 'fc.conv'), ('ms', 'ms')):
            weight = state[f'decode_head.sides.{i}.{ours}.weight']
            assert np.array_equal(weight, arrays[f'{tap}_{theirs}/weights'])


def test_imagenet_is_cut_down(build: Callable[..., nn.Module]) -> None:
    full, kept = 64, 16
    # every value says where it stood: filter, row and column
    where = np.zeros((full, 512, 7, 7), np.float32)
    where += np.arange(full)[:, None, None, None] * 49 + np.arange(49).reshape(7, 7)
    square = np.arange(full)[:, None] * full + np.arange(full)
    arrays = network(()) | {
        'fc6/weights': where.reshape(full, -1),
        'fc6/biases': np.arange(full),
        'fc7/weights': square,
        'fc7/biases': np.arange(full),
        'fc8/weights': np.ones((1000, full)),
    }
    cut = from_classification(arrays, kept, branches=4)
    for b in range(1, 5):
        six, seven = cut[f'fc6_{b}/biases'], cut[f'fc7_{b}/biases']
        assert len(set(six)) == len(set(seven)) == kept
        corners = [0, 3, 6, 21, 24, 27, 42, 45, 48]
        kernel = cut[f'fc6_{b}/weights']
        assert kernel.shape == (kept, 512, 3, 3)
        assert np.array_equal(kernel[:, 7].reshape(kept, 9), six[:, None] * 49 + corners)
        assert np.array_equal(cut[f'fc7_{b}/weights'][..., 0, 0], square[seven][:, six])
    wide = {f'model.decode_head.{key}': 4 * kept for key in ('in_channels', 'channels')}
    state = build('deeplabv2_vgg16_voc', **{'model.neck.channels': kept}, **wide).state_dict()
    assert convert(cut, caffe.TABLE, state).keys() == state.keys()
    four = from_classification(arrays, kept, kernel_size=4)
    assert four['fc6_1/weights'].shape == (kept, 512, 4, 4)
    with pytest.raises(ValueError, match='3, 4, 7, got 5'):
        from_classification(arrays, kernel_size=5)
    with pytest.raises(UserError, match=r'at most 64, .* got 65'):
        from_classification(arrays, channels=65)
    reduced = arrays | {'fc6/weights': np.zeros((64, 512, 3, 3), np.float32)}
    with pytest.raises(UserError, match='only a kernel of 7x7 can be cut'):
        from_classification(reduced, channels=32)
    assert from_classification(reduced, channels=64)['fc6_1/weights'].shape == (64, 512, 3, 3)


def test_imagenet_starts_a_network(build: Callable[..., nn.Module]) -> None:
    """The reduced VGG-16 as it is, in each branch; its fc8 is named, and a new one stands there."""
    arrays = network(())
    for name, shape in {
        'fc6': (WIDTH, 512, 3, 3),
        'fc7': (WIDTH, WIDTH, 1, 1),
        'fc8': (1000, WIDTH, 1, 1),
    }.items():
        arrays |= layer(name, *shape)
    options = {'model.neck.channels': WIDTH}
    options |= {f'model.decode_head.{key}': 4 * WIDTH for key in ('in_channels', 'channels')}
    model = build('deeplabv2_vgg16_voc', **options).state_dict()
    start = caffe.adapt(arrays, model)
    table = caffe.table_for(start)
    state = convert(start, table, model)
    assert state.keys() == model.keys()
    for i in range(4):
        for name in ('fc6', 'fc7'):
            weight = state[f'neck.branches.{i}.{name}.conv.weight']
            assert np.array_equal(weight, arrays[f'{name}/weights'])
    assert state['decode_head.conv_seg.weight'].std() == pytest.approx(0.01, rel=0.1)
    (ignored,) = table.sort_out(start).values()
    assert ignored == ['imagenet/fc8/weights', 'imagenet/fc8/biases']


def test_imagenet_fills_the_backbone(build: Callable[..., nn.Module]) -> None:
    """Where the network has no fc6."""
    arrays = network(()) | layer('fc6', WIDTH, 512 * 49) | layer('fc8', 1000, WIDTH)
    options = {'model.neck': None}
    options |= {f'model.decode_head.{key}': 512 for key in ('in_channels', 'channels')}
    model = build('deeplabv1_vgg16_voc', **options).state_dict()
    assert caffe.adapt(arrays, model) is arrays
    table = caffe.table_for(arrays)
    backbone = {key for key in model if key.startswith('backbone.')}
    assert convert(arrays, table, model).keys() == backbone
    assert {len(names) for names in table.sort_out(arrays).values()} == {4}


@pytest.mark.parametrize('old', [False, True])
def test_reads_caffes_own_files(tmp_path: Path, old: bool) -> None:
    """Both formats of layers, both of shapes, and numbers packed or one by one."""
    arrays = layer('conv1_1', 4, 3, 3, 3) | layer('fc6', 5, 12)
    (tmp_path / 'net.caffemodel').write_bytes(caffemodel(arrays, old))
    found = caffe.read(tmp_path / 'net.caffemodel')
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def caffemodel(arrays: dict[str, np.ndarray], old: bool = False) -> bytes:
    """A NetParameter by hand; ``old`` has V1LayerParameters and four-dimensional blobs."""
    layers, field, number = {}, *((2, 4) if old else (100, 1))
    kinds = {'mean': 'BatchNorm', 'variance': 'BatchNorm', 'factor': 'BatchNorm'}
    for name, array in arrays.items():
        name, leaf = name.split('/')
        if old:
            sides = (1,) * (4 - array.ndim) + array.shape
            shape = b''.join(wire.number(i, side) for i, side in enumerate(sides, 1))
        else:
            shape = wire.block(7, wire.block(1, b''.join(map(wire.varint, array.shape))))
        kind = wire.number(5, 4) if old else wire.block(2, kinds.get(leaf, 'Convolution'))
        layers.setdefault(name, wire.block(number, name) + kind)
        blob = shape + wire.floats(5, array.ravel(), packed=not old)
        layers[name] += wire.block(6 if old else 7, blob)
    return wire.block(1, 'net') + b''.join(wire.block(field, data) for data in layers.values())


@pytest.mark.parametrize(
    ('arrays', 'words'),
    [
        ({'fc8_a_1/weights': (3, 4), 'fc8_a_2/weights': (2, 4)}, 'one classifier differ in shape'),
        ({'bn1/factor': (2,)}, 'bn1/factor is not one number but 2'),
    ],
)
def test_blobs_that_contradict_each_other(arrays: dict, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / 'a.npz', **{name: np.zeros(shape) for name, shape in arrays.items()})
    with pytest.raises(UserError, match=words):
        caffe.read(tmp_path / 'a.npz')


def test_names_what_does_not_fit(build: Callable[..., nn.Module], tmp_path: Path) -> None:
    arrays = network(('',), 1024)
    arrays['conv6_1/weights'] = arrays.pop('conv5_1/weights')
    with pytest.raises(UserError) as error:
        convert(arrays, caffe.TABLE, build('deeplabv1_vgg16_voc').state_dict())
    assert 'conv6_1/weights -> backbone.stages.5.0.conv.weight' in str(error.value)
    assert 'missing from the source:\n    backbone.stages.4.0.conv.weight' in str(error.value)
    path = tmp_path / 'net.caffemodel'
    with pytest.raises(UserError, match='LAYER/weights'):
        caffe.read(path)
    whole = caffemodel(layer('conv1_1', 4, 3, 3, 3))
    for data in (whole[:-9], b'caffe', whole[:40] + b'\xff' * 9 + whole[49:]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=f'{path} is not a .caffemodel, or damaged'):
            caffe.read(path)
    path.write_bytes(b'')
    with pytest.raises(UserError, match='holds no blobs'):
        caffe.read(path)
