"""The strict engine on tables of a few rules."""

import re

import numpy as np
import pytest
import torch

from mmdeeplab.errors import UserError
from mmdeeplab.weights.converters import hf, tf
from mmdeeplab.weights.table import Rule, Table, convert, shape_of

MODEL = {
    'backbone.w': torch.zeros(2, 3),
    'backbone.num_batches_tracked': torch.tensor(0),
    'neck.w': torch.zeros(4),
    'neck.num_batches_tracked': torch.tensor(0),
}
RULES = [Rule(re.compile(r'(?P<part>\w+)/w'), lambda m: f'{m["part"]}.w')]
IGNORED = {'tensors of the old head': re.compile('^head/'), 'counters': re.compile('count')}
BACKBONE = {'backbone/w': np.ones((2, 3))}
WHOLE = BACKBONE | {'neck/w': np.ones(4)}


def test_a_part_is_filled_and_no_more() -> None:
    table = Table('test', RULES, IGNORED, part='backbone')
    state = convert(BACKBONE, table, MODEL)
    assert state.keys() == {'backbone.w', 'backbone.num_batches_tracked'}
    with pytest.raises(UserError, match=r'1 missing from the source:\n    neck\.w'):
        convert(BACKBONE, table._replace(part='model'), MODEL)
    assert convert(WHOLE, table._replace(part='model'), MODEL).keys() == MODEL.keys()


def test_a_backbone_with_more_than_a_backbone_is_refused() -> None:
    table = Table('test', RULES, IGNORED, part='backbone')
    with pytest.raises(UserError, match=r'outside the backbone:\n    neck/w -> neck\.w'):
        convert(WHOLE, table, MODEL)


ODD = [np.ones(4), np.float32(1), np.array(['a', 'b']), np.ones((2, 3), np.complex64)]


@pytest.mark.parametrize('odd', ODD, ids=lambda odd: f'{odd.shape} {odd.dtype}')
def test_arrays_that_no_layer_has_are_named(odd: np.ndarray) -> None:
    rules = [RULES[0]._replace(transform=lambda kernel: kernel.transpose(1, 0))]
    table = Table('test', rules, part='backbone')
    assert shape_of({'backbone/w': odd}, table, 'backbone.w') is None
    with pytest.raises(UserError) as error:
        convert({'backbone/w': odd}, table, MODEL)
    assert '1 of a shape or type that no layer has:\n    backbone/w' in str(error.value)
    assert 'missing' not in str(error.value)


def test_a_config_is_not_found_by_arrays_of_odd_shapes() -> None:
    stem = 'mobilenet_v2.conv_stem.first_conv.convolution.weight'
    assert hf.config_for({stem: np.float32(1)}) is None
    assert tf.config_for({'MobilenetV2/Conv/weights': np.float32(1)}) is None


def test_what_is_ignored_is_listed_once() -> None:
    table = Table('test', RULES, IGNORED)
    extra = {'head/w': np.ones(1), 'head/count': np.ones(1), 'step_count': np.ones(1)}
    assert table.sort_out(WHOLE | extra) == {
        'tensors of the old head': ['head/w', 'head/count'],
        'counters': ['step_count'],
    }
    assert convert(WHOLE | extra, table, MODEL).keys() == MODEL.keys()
