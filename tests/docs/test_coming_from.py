"""Coming from mmsegmentation: what the page's table says beside its code, which tests/docs runs."""

from pathlib import Path

import pytest
import torch
from blocks import blocks
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from places import ROOT

from mmdeeplab.config.known_keys import OPTIONAL
from mmdeeplab.config.load import load_config
from mmdeeplab.config.loops import choose_loop
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.models.norms.norm_layers import norm_layers

PAGE = ROOT / 'docs/openmmlab.md'
CONFIG = str(ROOT / 'configs/deeplabv3plus_mobilenetv2_mini-voc.py')


def test_a_variant_of_their_config_is_read_and_built(tmp_path: Path) -> None:
    (text,) = [b.text for b in blocks('docs/openmmlab') if b.text.startswith('# variant.py')]
    (tmp_path / 'variant.py').write_text(text)
    smaller = ['model.backbone.stem_channels=8', 'model.backbone.base_channels=8']
    narrow = ['model.decode_head.in_channels=256', 'model.decode_head.c1_in_channels=32']
    options = [*smaller, *narrow, 'model.auxiliary_head.in_channels=128']
    cfg = load_config(str(tmp_path / 'variant.py'), ConfigOptions(options))
    assert cfg.train_dataloader.dataset.pipeline[0].type == 'LoadImageFromFile'
    assert cfg.model.decode_head.dilations == (1, 6, 12, 18)
    init_default_scope('mmseg')
    network = MODELS.build(cfg.model).eval()
    assert norm_layers(network)
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 65, 65)).shape == (1, 21, 17, 17)


def test_epochs_take_one_key() -> None:
    cfg = load_config(CONFIG, ConfigOptions(['train_cfg.max_epochs=50']))
    loop = choose_loop(cfg.train_cfg)
    assert (loop['type'], loop['max_epochs']) == ('EpochBasedTrainLoop', 50)
    assert 'max_iters' not in loop


@pytest.mark.parametrize(
    'line',
    [
        "train_dataloader = dict(sampler=dict(type='InfiniteSampler', shuffle=True))",
        "train_dataloader = dict(sampler=dict(type='DefaultSampler', shuffle=True))",
        "default_hooks = dict(logger=dict(type='LoggerHook', interval=7))",
        "custom_hooks = [dict(type='EMAHook', momentum=0.01)]",
        "vis_backends = [dict(type='TensorboardVisBackend')]",
    ],
)
def test_their_parts_are_keys_here(tmp_path: Path, line: str) -> None:
    (tmp_path / 'c.py').write_text(f'_base_ = {CONFIG!r}\n{line}\n')
    cfg = load_config(str(tmp_path / 'c.py'))
    written = line.partition("type='")[2].partition("'")[0]
    assert written in str(cfg[line.partition(' ')[0]])


def test_the_keys_that_are_ours_are_keys() -> None:
    text = PAGE.read_text().partition('## Keys that are ours')[2].partition('\n## ')[0]
    rows = [row.split('|')[1] for row in text.splitlines() if row.startswith('| `')]
    named = {part.strip(' `').partition('=')[0] for row in rows for part in row.split(',')}
    assert len(named) > 10
    assert named <= set(OPTIONAL)
