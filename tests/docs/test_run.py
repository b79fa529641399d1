"""The blocks of README and docs/ run in order, in tiny; a block that does not says why."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from blocks import NOTEBOOKS, PAGES, Block, blocks, lines, notebook
from PIL import Image
from places import ROOT
from play import runs

from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.inference.annotations.coco import coco_text, joined_coco
from mmdeeplab.weights.model_zoo import WeightCache, find, load

pytestmark = pytest.mark.slow
HERE = [page for page in PAGES if any(map(runs, blocks(page)))]
PUBLISHED = 'coral_mobilenetv2_voc'
COLOURS = ((0, 0, 0), (128, 64, 0), (0, 64, 192))


def own_photos(start: Path) -> None:
    """Photographs with masks of three classes, as ids and in colour; some without masks."""
    for path in sorted((start / 'data/mini-voc/SegmentationClass').glob('*.png'))[:10]:
        ids = np.array(Image.open(path))
        ids = np.where(ids == 255, 255, ids % 3).astype(np.uint8)
        photo = Image.open(start / f'data/mini-voc/JPEGImages/{path.stem}.jpg')
        for folder, mask in (
            ('my_photos', ids),
            ('colour_photos', np.array(COLOURS, np.uint8)[np.where(ids == 255, 0, ids)]),
        ):
            for kind in ('images', 'masks'):
                (start / folder / kind).mkdir(parents=True, exist_ok=True)
            photo.save(start / folder / f'images/{path.stem}.jpg')
            Image.fromarray(mask).save(start / folder / f'masks/{path.stem}.png')
    annotated(start)
    for folder in ('photos', 'new_photos'):
        (start / folder).mkdir()
        photo.save(start / folder / 'one.jpg')
    for name in ('photo.jpg', 'bird.jpg'):
        photo.save(start / name)
    lines = [f'{r} {g} {b} {name}' for (r, g, b), name in zip(COLOURS, 'abc', strict=True)]
    (start / 'colours.txt').write_text('\n'.join(lines))


def annotated(start: Path) -> None:
    """The photographs with COCO's file."""
    texts = []
    (start / 'annotated').mkdir()
    for path in sorted((start / 'my_photos/masks').glob('*.png')):
        name = f'{path.stem}.jpg'
        shutil.copy(start / 'my_photos/images' / name, start / 'annotated' / name)
        texts.append(coco_text(np.array(Image.open(path)), ('background', 'road', 'car'), name))
    (start / 'annotated/instances.json').write_text(joined_coco(texts))


def published(cache: Path) -> None:
    """Random weights where the published ones would be, so that nothing is fetched."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    row = find(PUBLISHED, load())
    cfg = Config.fromfile(ROOT / 'configs' / row.config)
    init_default_scope('mmseg')
    path = WeightCache(cache).weights(PUBLISHED).with_suffix('.pth')
    path.parent.mkdir(parents=True)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta={}), path)
    WeightCache(cache).keep(row, row.sha256 or '0' * 64, path)


@pytest.fixture(scope='session')
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict]]:
    """What every command of every page did."""
    folder = tmp_path_factory.mktemp('docs')
    start = folder / 'start'
    generate(start / 'data/mini-voc', MiniVoc(train=10, val=2, size=64), quiet=True)
    own_photos(start)
    published(folder / 'cache')
    (folder / 'cache/kernels').symlink_to(Path(os.environ['MMDEEPLAB_CACHE'], 'kernels').resolve())
    for name in ('configs', 'tools', 'docs'):
        (start / name).symlink_to(ROOT / name)
    path = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
    environment = dict(
        PYTHONPATH=path, OMP_NUM_THREADS='1', MMDEEPLAB_CACHE=str(folder / 'cache'),
        CUDA_VISIBLE_DEVICES='',
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tests/docs/play.py'), str(folder), *HERE, *NOTEBOOKS],
        env=os.environ | environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize('page', HERE)
def test_every_command_works(page: str, played: dict) -> None:
    for step in played[page]:
        where = f'{step["where"]}: {step["line"]}\n{step["said"]}'
        assert bool(step['status']) == bool(step['expected']), where
        assert step['expected'] in step['said'], where
    wanted = [block.name for block in blocks(page) if runs(block)]
    assert list(dict.fromkeys(step['where'] for step in played[page])) == wanted


@pytest.mark.parametrize('name', NOTEBOOKS)
def test_every_cell_of_a_notebook_works(name: str, played: dict) -> None:
    (step,) = played[name]
    assert step['status'] == 0, step['said']
    cells = json.loads(NOTEBOOKS[name].read_text())['cells']
    assert not any(cell.get('outputs') for cell in cells), 'outputs go stale: clear them'
    (block,) = notebook(name)
    assert len(lines(block)) >= 2


def test_pages_are_played() -> None:
    assert {'README', 'docs/tutorial', 'docs/own_project', 'docs/predict'} <= set(HERE)


def test_a_command_that_fails_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also: a block stops at its first mistake."""
    from play import play

    monkeypatch.chdir(tmp_path)
    block = Block('page', 1, 'sh', '', 'true\nfalse\ntrue\n')
    assert [step['status'] for step in play(block, tmp_path / 'said')] == [0, 1]
