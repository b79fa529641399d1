"""What is typed behind ``--cfg-options`` is what the config gets."""

import argparse

import pytest

from mmdeeplab.cli.common import add_config_options
from mmdeeplab.config.overrides import parse_options


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('5', 5),
        (' 1e-3 ', 0.001),
        ('true', True),
        ('None', None),
        ('1,2', [1, 2]),
        ('(65,65)', (65, 65)),
        ('(1,)', (1,)),
        ('[(1,2), [a, b], c]', [(1, 2), ['a', 'b'], 'c']),
        ('(1,2),(3,4)', [(1, 2), (3, 4)]),
        ('["traffic light", pole]', ['traffic light', 'pole']),
        ('the second run', 'the second run'),
        ('iter_{}.safetensors', 'iter_{}.safetensors'),
        ("{'type': 'EMAHook'}", {'type': 'EMAHook'}),
        ("[{'type': 'EMAHook'}]", [{'type': 'EMAHook'}]),
    ],
)
def test_values(text: str, value: object) -> None:
    parsed = parse_options([f'a.b={text}'])
    assert parsed == {'a.b': value}
    assert type(parsed['a.b']) is type(value)


def test_a_path_is_taken_as_it_is_typed() -> None:
    for path in ('2024', '/a b/c', 'a,b', 'runs (old)/x', '[1', '{x}'[1:]):
        assert parse_options([f'work_dir={path}']) == {'work_dir': path}
        key = 'train_dataloader.dataset.data_root'
        assert parse_options([f' {key} ={path}']) == {key: path}
    assert parse_options(['load_from=']) == parse_options(['load_from=None']) == {'load_from': None}


@pytest.mark.parametrize('key', ['model.backbone.use_checkpoint', 'my_work_dir', 'a.no_data_root'])
def test_a_name_that_ends_like_a_path_is_none(key: str) -> None:
    assert parse_options([f'{key}=True']) == {key: True}
    assert parse_options([f'{key}=1,2']) == {key: [1, 2]}


def test_options_given_twice_add_up() -> None:
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    words = ['--cfg-options', 'a=1', 'b=2', '--launcher', 'none', '--cfg-options', 'c=3']
    assert parser.parse_args(words).cfg_options == ['a=1', 'b=2', 'c=3']
    assert parser.parse_args([]).cfg_options == []
