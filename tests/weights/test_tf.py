"""The importer of TensorFlow's weights, and with it the networks, against TensorFlow's output."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tf_golden
import torch
from torch import nn

from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters import tf
from mmdeeplab.weights.table import convert

CONFIG = 'deeplabv3plus_xception_voc'


@pytest.fixture(scope='module')
def golden(request: pytest.FixtureRequest) -> tuple:
    shared: Path = request.getfixturevalue('shared')
    return tf_golden.load(shared / 'tf_golden' / 'xception_65_os16_dec4_129.npz')


def logits(model: nn.Module, variables: dict, image: object) -> torch.Tensor:
    model.load_state_dict(convert(variables, tf.TABLE, model.state_dict()))
    inputs = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        return model.eval()(inputs, mode='tensor').permute(0, 2, 3, 1)


def test_equals_tensorflow(golden: tuple, build: Callable[..., nn.Module]) -> None:
    variables, image, expected = golden
    model = build(CONFIG)
    difference = (logits(model, variables, image) - torch.from_numpy(expected)).abs().max()
    assert difference < 2e-5


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('model.neck.rates', (12, 24, 36)),
        ('model.backbone.norm_cfg.eps', 1e-5),
        ('model.decode_head.norm_cfg.eps', 1e-3),
        ('model.decode_head.align_corners', False),
        ('model.backbone.output_stride', 8),
    ],
)
def test_golden_logits_would_show_a_wrong(
    golden: tuple, build: Callable[..., nn.Module], key: str, value: object
) -> None:
    variables, image, expected = golden
    model = build(CONFIG, **{key: value})
    difference = (logits(model, variables, image) - torch.from_numpy(expected)).abs().max()
    assert difference > 2e-4


def test_all_offenders_are_named_at_once(golden: tuple, build: Callable[..., nn.Module]) -> None:
    variables = dict(golden[0])
    variables['aspp9/oddity'] = variables.pop('image_pooling/weights')
    variables['aspp0/weights'] = variables['aspp0/weights'][..., :100]
    variables['global_step'] = variables['logits/semantic/biases']
    with pytest.raises(UserError) as error:
        convert(variables, tf.TABLE, build(CONFIG).state_dict())
    text = str(error.value)
    assert 'aspp9/oddity' in text
    assert 'neck.image_pooling.conv.weight' in text
    assert '(100, 2048, 1, 1) -> neck.pointwise.conv.weight (256, 2048, 1, 1)' in text
    assert 'global_step' not in text
