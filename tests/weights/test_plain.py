"""Weights for other tools: plain torch reads them, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from places import ROOT
from safetensors.torch import load_file
from torch import nn

from mmdeeplab.checkpoint import store
from mmdeeplab.cli.weights import main
from mmdeeplab.fileio.atomic import Disk

CONFIG = 'lraspp_mobilenetv3-small_voc'
NAMES, COLOURS = ('sky', 'sea'), [[1, 2, 3], [4, 5, 6]]


@pytest.fixture
def network(build: Callable[..., nn.Module]) -> nn.Module:
    return build(CONFIG)


@pytest.fixture
def checkpoint(network: nn.Module, tmp_path: Path) -> Path:
    """As a training leaves it, with the state of its optimiser."""
    meta = dict(dataset_meta=dict(classes=NAMES, palette=COLOURS), iter=7)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9).state_dict()
    path = tmp_path / 'iter_7.safetensors'
    tree = dict(state_dict=network.state_dict(), meta=meta, optimizer=optimizer)
    store.save(path, tree, Disk())
    return path


def test_torch_alone_reads_it(network: nn.Module, checkpoint: Path, tmp_path: Path) -> None:
    assert main(['export', str(checkpoint), str(tmp_path / 'plain.pth')]) == 0
    read = torch.load(tmp_path / 'plain.pth', weights_only=True)
    assert set(read) == {'state_dict', 'meta'}
    assert read['meta']['dataset_meta'] == dict(classes=list(NAMES), palette=COLOURS)
    wanted = network.state_dict()
    assert list(read['state_dict']) == list(wanted)
    assert all(torch.equal(value, wanted[key]) for key, value in read['state_dict'].items())


def test_a_part_fits_the_part(network: nn.Module, checkpoint: Path, tmp_path: Path) -> None:
    """The newest of a work dir; strictly into a backbone that stands alone."""
    out = tmp_path / 'out' / 'backbone.safetensors'
    assert main(['export', str(checkpoint.parent), str(out), '--part', 'backbone']) == 0
    init_default_scope('mmseg')
    cfg = Config.fromfile(ROOT / f'configs/{CONFIG}.py')
    alone = MODELS.build(cfg.model.backbone)
    alone.load_state_dict(load_file(out), strict=True)
    image = torch.randn(1, 3, 33, 33)
    with torch.no_grad():
        pairs = zip(alone.eval()(image), network.eval().backbone(image), strict=True)
        assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['plain.bin'], 'must end in .pth or .safetensors'),
        (['plain.pth', '--part', 'body'], "no part 'body'; it has backbone, decode_head"),
    ],
)
def test_mistakes(
    checkpoint: Path, capsys: pytest.CaptureFixture, arguments: list, words: str
) -> None:
    assert main(['export', str(checkpoint), *arguments]) == 2
    assert words in capsys.readouterr().err
