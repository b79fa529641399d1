"""Segmenting files without a data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tools_conftest import CONFIG, SMALL, Tool

pytestmark = pytest.mark.slow


def test_masks_are_what_evaluation_predicts(
    forked: Tool, trained: dict, data: Path, tmp_path: Path
) -> None:
    """Also: an unreadable file is named at the end, and the others are done."""
    from mmengine.config import Config

    from mmdeeplab.config.overrides import merge_options
    from mmdeeplab.inference.build import load_segmentor

    folder = tmp_path / 'in'
    folder.mkdir()
    names = (data / 'ImageSets/Segmentation/val.txt').read_text().split()[:3]
    for name in names:
        (folder / f'{name}.jpg').write_bytes((data / f'JPEGImages/{name}.jpg').read_bytes())
    (folder / 'page.jpg').write_text('<html>')
    done = forked(
        'predict.py', folder, '--model', CONFIG, '--checkpoint', trained['work'], '--out',
        tmp_path / 'out', '--save', 'masks,color,overlay', '--cfg-options', *SMALL,
    )  # fmt: skip
    assert done.returncode == 2
    assert '3 of 4 inputs' in done.stdout
    assert 'page.jpg' in done.stderr
    cfg = merge_options(Config.fromfile(CONFIG), SMALL)
    model, _ = load_segmentor(cfg, trained['work'] / 'iter_4.safetensors')
    for name in names:
        size = Image.open(folder / f'{name}.jpg').size
        mask = Image.open(tmp_path / f'out/masks/{name}.png')
        assert mask.mode == 'P'
        assert mask.size == size
        for kind in ('color', 'overlay'):
            assert Image.open(tmp_path / f'out/{kind}/{name}.png').size == size
        rgb = np.array(Image.open(folder / f'{name}.jpg'))
        x = np.zeros((1, 3, 65, 65), np.float32)
        x[0, :, : size[1], : size[0]] = (rgb / 127.5 - 1).transpose(2, 0, 1)
        assert np.array_equal(np.array(mask), labels(model, x)[: size[1], : size[0]])


def labels(model: object, x: np.ndarray) -> np.ndarray:
    """Logits to the padded size with aligned corners, argmax."""
    import torch
    from torch.nn import functional as F

    with torch.no_grad():
        logits = model(torch.from_numpy(x), mode='tensor')
    return F.interpolate(logits, x.shape[2:], mode='bilinear', align_corners=True)[0].argmax(0)


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        (['gone.jpg', '--checkpoint', 'x.pth'], 'no image or video at gone.jpg'),
        (['tests', '--checkpoint', 'x.pth'], 'no image or video at tests'),
        (['docs/images', '--checkpoint', 'x.pth'], 'no checkpoint at x.pth'),
        (['docs/images', '--checkpoint', 'x.pth', '--save', 'masks,art'], 'got art'),
    ],
)
def test_mistakes(forked: Tool, tmp_path: Path, args: list, words: str) -> None:
    done = forked('predict.py', *args, '--model', CONFIG, '--out', tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert 'Traceback' not in done.stderr
