"""TensorFlow's files without TensorFlow: those it wrote itself, and graphs written by hand."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
import wire
from test_tf_mobilenet import mobilenet_v2
from tf_graph import Graph
from tf_resnet_graph import Graph as Options
from tf_resnet_graph import Network
from tiny_tf import make
from torch import nn

from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters import tf
from mmdeeplab.weights.provenance import input_digest
from mmdeeplab.weights.table import convert

TINY = Path(make.__file__).parent
FILES = ['frozen.pb', 'model.ckpt', 'model.ckpt.index']


def node(name: str, op: str, value: bytes = b'') -> bytes:
    attribute = wire.block(1, 'value') + wire.block(2, wire.block(8, value))
    dtype = wire.block(1, 'dtype') + wire.block(2, wire.number(6, 1))
    attributes = wire.block(5, dtype) + wire.block(5, attribute)
    return wire.block(1, wire.block(1, name) + wire.block(2, op) + (attributes if value else b''))


def tensor(array: np.ndarray, listed: bool) -> bytes:
    """A TensorProto, its numbers as bytes or as a list."""
    dims = b''.join(wire.block(2, wire.number(1, side)) for side in array.shape)
    values = wire.floats(5, array.ravel()) if listed else wire.block(4, array.tobytes())
    return wire.number(1, 1) + wire.block(2, dims) + values


def graph(variables: dict[str, np.ndarray]) -> bytes:
    """A frozen graph: constants, and the nodes by which the others read them."""
    nodes = [node('ImageTensor', 'Placeholder')]
    for i, (name, array) in enumerate(variables.items()):
        nodes += [node(name, 'Const', tensor(array, i % 3 == 0)), node(f'{name}/read', 'Identity')]
    nodes.append(node('mul/y', 'Const', tensor(np.float32([2]), listed=True)))
    return b''.join(nodes) + wire.block(4, wire.number(1, 27))  # versions


@pytest.mark.parametrize('name', FILES)
def test_reads_what_tensorflow_wrote(name: str) -> None:
    found = tf.read(TINY / name)
    found.pop('global_step', None)
    expected = make.arrays()
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        assert found[key].dtype == array.dtype
        assert np.array_equal(found[key], array), key


def test_a_frozen_graph_becomes_the_network(
    build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    image, theirs = torch.randn(1, 3, 65, 49).double(), Graph()
    x, _ = mobilenet_v2(theirs, image)
    expected = theirs.biased(theirs.head(x), 'logits/semantic', 21)
    (tmp_path / 'frozen_inference_graph.pb').write_bytes(graph(theirs.variables))
    variables = tf.read(tmp_path / 'frozen_inference_graph.pb')
    model = build('deeplabv3_mobilenetv2_voc').double().eval()
    model.load_state_dict(convert(variables, tf.table_for(variables), model.state_dict()))
    with torch.no_grad():
        assert (model(image) - expected).abs().max() < 1e-9


def test_lists_may_stop_where_the_rest_is_equal(tmp_path: Path) -> None:
    ones = np.ones((3, 4), np.float32)
    value = tensor(ones, listed=False)[: -ones.nbytes - 2] + wire.floats(5, ones[0, :1], False)
    (tmp_path / 'g.pb').write_bytes(node('aspp0/BatchNorm/gamma', 'Const', value))
    assert np.array_equal(tf.read(tmp_path / 'g.pb')['aspp0/BatchNorm/gamma'], ones)


def test_imagenet_fills_the_backbone(build: Callable[..., nn.Module]) -> None:
    network = Network(Options('resnet_v1_50', (3, 4, 6, 3)))
    with torch.no_grad():
        network.backbone(torch.zeros(1, 3, 33, 33))
    variables = network.variables | {
        'resnet_v1_50/logits/weights': np.zeros((1, 1, 2048, 1001), np.float32),
        'resnet_v1_50/logits/biases': np.zeros(1001, np.float32),
        'global_step': np.int64(1),
    }
    model = build('deeplabv3_r50-beta-os8_voc').state_dict()
    table = tf.table_for(variables)
    backbone = {key for key in model if key.startswith('backbone.')}
    assert convert(variables, table, model).keys() == backbone
    ignored = table.sort_out(variables)
    assert ignored["variables of ImageNet's classifier"] == [
        'resnet_v1_50/logits/weights',
        'resnet_v1_50/logits/biases',
    ]


@pytest.mark.parametrize('classes', [19, 151])
def test_other_data_sets_differ_in_the_classifier_alone(
    build: Callable[..., nn.Module], classes: int
) -> None:
    image, theirs = torch.randn(1, 3, 33, 65).double(), Graph()
    x, low = mobilenet_v2(theirs, image)
    expected = theirs.biased(theirs.decoder(theirs.head(x), low), 'logits/semantic', classes)
    options = {'model.decode_head.num_classes': classes}
    model = build('deeplabv3plus_mobilenetv2_voc', **options).double().eval()
    model.load_state_dict(convert(theirs.variables, tf.TABLE, model.state_dict()))
    with torch.no_grad():
        assert (model(image) - expected).abs().max() < 1e-9
    with pytest.raises(UserError, match=rf'\({classes}, 256, 1, 1\) -> decode_head.conv_seg'):
        convert(theirs.variables, tf.TABLE, build('deeplabv3plus_mobilenetv2_voc').state_dict())


@pytest.mark.parametrize(
    'name', ['frozen.pb', 'model.ckpt.index', 'model.ckpt.data-00000-of-00001']
)
def test_damage_is_a_sentence(name: str, tmp_path: Path) -> None:
    """Cut at any place, or with a bit changed: numbers or a sentence, never another end."""
    for file in TINY.glob('*.*[!y]'):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    whole = (tmp_path / name).read_bytes()
    path = tmp_path / ('frozen.pb' if name == 'frozen.pb' else 'model.ckpt')
    rng = np.random.default_rng(0)
    sentences = []
    for at in rng.choice(len(whole), 150, replace=False):
        changed = bytearray(whole)
        changed[at] ^= 1 << rng.integers(8)
        for data in (whole[:at], bytes(changed)):
            (tmp_path / name).write_bytes(data)
            try:
                tf.read(path)
            except UserError as error:
                sentences.append(str(error))
    assert len(sentences) > 140
    assert all(str(tmp_path) in sentence for sentence in sentences)


def test_a_graph_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'g.pb').write_bytes(node('ImageTensor', 'Placeholder'))
    with pytest.raises(UserError, match='holds no frozen variables'):
        tf.read(tmp_path / 'g.pb')
    (tmp_path / 'g.pb').write_bytes(b'not a graph at all')
    with pytest.raises(UserError, match='not a frozen graph'):
        tf.read(tmp_path / 'g.pb')


def test_a_damaged_npz_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / 'a.npz'
    np.savez_compressed(path, a=np.arange(10_000))
    whole = path.read_bytes()
    path.write_bytes(whole[:2000] + b'\xff' * 100 + whole[2100:])
    with pytest.raises(UserError, match=r'a\.npz is not a readable \.npz'):
        tf.read(path)


def test_the_digest_is_of_the_files_of_the_checkpoint(tmp_path: Path) -> None:
    """Whatever its name has, and whatever else lies beside it."""
    names = ('model[1].ckpt.data-00000-of-00001', 'model[1].ckpt.index')
    for name in (*names, 'model[1].ckpt.safetensors', 'model1.ckpt.index'):
        (tmp_path / name).write_text(name)
    assert input_digest(tmp_path / 'model[1].ckpt') == sha256(''.join(names).encode()).hexdigest()
    with pytest.raises(UserError, match=r'gone\.pth was removed'):
        input_digest(tmp_path / 'gone.pth')
