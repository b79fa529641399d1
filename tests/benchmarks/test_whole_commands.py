"""Whole commands of the benchmarks: each runs, and gives the same labels as the others."""

import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mmseg.models.segmentors import EncoderDecoder
from networks import random_checkpoint
from PIL import Image
from places import ROOT
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from benchmarks.case import Scale, Skip, Trained, Work
from benchmarks.cases.commands import BARE, HEAVY, Commands, setup
from mmdeeplab.config.load import load_config
from mmdeeplab.datasets.mini_voc import MiniVoc, generate


@pytest.fixture
def scale(tmp_path: Path) -> Scale:
    """Three pictures, and a small network with random weights."""
    generate(tmp_path / 'data', MiniVoc(train=2, val=3, size=64), quiet=True)
    config = tmp_path / 'config.py'
    config.write_text(
        f'_base_ = {str(ROOT / "configs/lraspp_mobilenetv3-small_voc.py")!r}\n'
        'model = dict(data_preprocessor=dict(test_size=(65, 65)))\n'
    )
    weights = random_checkpoint(load_config(str(config)), tmp_path)
    (tmp_path / 'work').mkdir()
    trained = Trained(str(config), str(weights), str(tmp_path / 'data'))
    return Scale(tmp_path / 'work', tiny=True, rounds=1, trained=trained)


def test_without_a_network_nothing_is_run(tmp_path: Path) -> None:
    with pytest.raises(Skip, match='--checkpoint FILE'):
        setup(Scale(tmp_path))


def test_goals_name_rows(scale: Scale) -> None:
    for one in setup(scale):
        names = [variant.name for variant in one.variants]
        assert set(one.goals) <= set(names)
        assert one.reference in names


def passes(work: Work) -> int:
    """How often a call runs a segmentor."""
    seen: list[nn.Module] = []

    def note(module: nn.Module, *_: object) -> None:
        if isinstance(module, EncoderDecoder):
            seen.append(module)

    hook = register_module_forward_hook(note)
    work.call()
    hook.remove()
    return len(seen)


@pytest.mark.slow
def test_every_command_runs(scale: Scale) -> None:
    pytest.importorskip('openvino')
    assert scale.trained is not None
    work = Commands(scale, scale.trained)
    photographs = work.photographs(48)
    assert (len(list(photographs.iterdir())), work.images) == (2, 3)
    assert work.network().units == 2, BARE
    for name, (_, options) in HEAVY.items():
        bare = work.network(**options)
        assert (bare.units, passes(bare)) == (2, 24 if name == '--tta' else 2)
        work.test(2, *name.split()).call()
    with pytest.raises(subprocess.CalledProcessError):
        work.test(2, '--output-stride', '7').call()
    found = []
    ours = partial(work.predict, photographs, '--save', 'masks')
    peers = (partial(peer, photographs) for peer in (work.plain_loop, work.inferencer))
    for prepare in (ours, *peers):
        before = set(scale.folder.iterdir())
        prepare().call()
        (out,) = (path for path in set(scale.folder.iterdir()) - before if path.is_dir())
        masks = sorted(path for path in out.rglob('*.png') if path.parent.name != 'vis')
        found.append([np.array(Image.open(path)) for path in masks])
    for others in found[1:]:
        shares = [np.mean(a == b) for a, b in zip(found[0], others, strict=True)]
        assert len(shares) == 2
        assert min(shares) > 0.99
