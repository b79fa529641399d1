"""Lines of docs/losses.md and docs/trackers.md are configs, and every loss line trains a step."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from blocks import Block, blocks
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import VISBACKENDS, init_default_scope
from mmengine.structures import PixelData
from mmseg.models import losses as upstream
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from places import ROOT

from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.engine.trackers import with_backends
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.models.losses.replace import OTHER_TARGETS, WHY

BASE = ROOT / 'configs/deeplabv3plus_mobilenetv2_mini-voc.py'
LOSSES = [block for block in blocks('docs/losses') if block.language == 'python']
TRACKERS = [block for block in blocks('docs/trackers') if block.language == 'python']


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Block], Config]:
    def config(block: Block) -> Config:
        path = tmp_path / 'my_config.py'
        path.write_text(f'_base_ = {str(BASE)!r}\n{block.text}')
        init_default_scope('mmseg')
        return load_config(str(path))

    return config


def batch(classes: int, void: bool) -> dict:
    torch.manual_seed(0)
    samples = []
    for _ in range(2):
        label = torch.randint(0, classes, (1, 33, 33))
        label[:, 16:] = 255
        if void:
            label[:] = 255
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=label)))
    images = [torch.randint(0, 255, (3, 33, 33), dtype=torch.uint8) for _ in samples]
    return dict(inputs=images, data_samples=samples)


@pytest.mark.parametrize('block', LOSSES, ids=lambda block: block.name)
def test_a_loss_line_trains_a_step(block: Block, read: Callable[[Block], Config]) -> None:
    cfg = read(block)
    cfg.model.data_preprocessor.size = (33, 33)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(replace_losses(cfg.model)[0]).train()
    weights = model.decode_head.conv_seg.weight
    before = weights.detach().clone()
    optimiser = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    classes = cfg.model.decode_head.num_classes
    logged = model.train_step(batch(classes, void=False), optimiser)
    assert logged['loss'].isfinite()
    assert not torch.equal(before, weights)
    losses = model.decode_head.loss_decode
    count = len(losses) if isinstance(losses, torch.nn.ModuleList) else 1
    assert len([key for key in logged if key.startswith('decode.loss')]) == count
    assert model.train_step(batch(classes, void=True), optimiser)['loss'] == 0


def test_the_page_has_every_loss() -> None:
    text = '\n'.join(block.text for block in LOSSES)
    assert [cls.__name__ for cls in WHY if f"type='{cls.__name__}'" not in text] == []
    page = (ROOT / 'docs/losses.md').read_text()
    assert [cls.__name__ for cls in OTHER_TARGETS if cls.__name__ not in page] == []
    assert {c.__name__ for c in (*WHY, *OTHER_TARGETS)} >= {
        n for n in upstream.__all__ if n.endswith('Loss')
    }


@pytest.mark.parametrize('block', TRACKERS, ids=lambda block: block.name)
def test_a_tracker_line_names_a_backend(
    block: Block, read: Callable[[Block], Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = read(block)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    local, backend = with_backends(cfg.visualizer, cfg.vis_backends)['vis_backends']
    assert local['type'] == 'mmdeeplab.LocalVisBackend'
    assert VISBACKENDS.build(dict(backend, save_dir=str(tmp_path)))


def test_the_page_has_every_tracker() -> None:
    assert len(TRACKERS) == 4
    page = (ROOT / 'docs/trackers.md').read_text()
    assert [name for name in VISBACKENDS.module_dict if name not in page] == ['LocalVisBackend']


def test_a_tracker_on_the_command_line() -> None:
    cfg = load_config(str(BASE), ConfigOptions(['vis_backends.0.type=TensorboardVisBackend']))
    assert cfg.vis_backends == [dict(type='TensorboardVisBackend')]
