"""Images of any bands and depth become a config that says what they are."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmdeeplab.cli.new_config import main
from mmdeeplab.config.load import load_config
from mmdeeplab.config.pixels import Pixels, evaluated_pixels
from mmdeeplab.datasets.check.report import examine
from mmdeeplab.datasets.discovery.layout import find_layout
from mmdeeplab.datasets.discovery.pixels import find_pixels, image_paths
from mmdeeplab.datasets.stored_kind import lost_in_rgb

SIZE = (48, 64)


def draw(root: Path, bands: int, depth: str, suffix: str) -> np.ndarray:
    """Ten pairs; returns the images, (10, H, W, bands)."""
    rng = np.random.default_rng(0)
    top = 256 if depth == 'uint8' else 65536
    images = rng.integers(0, top, (10, *SIZE, bands)).astype(depth)
    mask = np.arange(SIZE[1], dtype=np.uint8)[None].repeat(SIZE[0], 0) // 32
    for folder in ('images', 'masks'):
        (root / folder).mkdir(parents=True)
    for i, image in enumerate(images):
        path = root / 'images' / f'field{i}{suffix}'
        if suffix == '.npy':
            np.save(path, image)
        elif suffix == '.tif':
            tifffile = pytest.importorskip('tifffile', reason="needs tifffile (the extra 'tiff')")
            kind = dict(photometric='minisblack', planarconfig='contig')
            tifffile.imwrite(path, image, **kind, **([dict(tile=(16, 16)), dict()][i % 2]))
        else:
            order = [2, 1, 0, 3][:bands] if bands > 1 else [0]
            cv2.imwrite(str(path), image[..., order])
        Image.fromarray(mask).save(root / 'masks' / f'field{i}.png')
    return images


@pytest.mark.parametrize(
    ('bands', 'depth', 'suffix', 'options'),
    [
        (1, 'uint16', '.png', []),
        (3, 'uint16', '.png', []),
        (4, 'uint8', '.png', ['--all-bands']),
        (6, 'float32', '.npy', []),
        (4, 'uint16', '.tif', []),
        (4, 'uint8', '.tif', []),
    ],
)
def test_the_config_says_bands_depth_mean_and_spread(
    bands: int, depth: str, suffix: str, options: list[str], tmp_path: Path
) -> None:
    images = draw(tmp_path / 'own', bands, depth, suffix)
    out = tmp_path / 'mine.py'
    assert main(['--data', str(tmp_path / 'own'), '--out', str(out), *options]) == 0
    cfg = load_config(str(out))
    assert evaluated_pixels(cfg) == Pixels(bands, depth)
    assert cfg.train_dataloader.dataset.pipeline[0].bands == bands
    assert cfg.model.backbone.in_channels == bands
    train = find_layout(tmp_path / 'own').train.ids
    used = images[[int(name.removeprefix('field')) for name in train]].astype(np.float64)
    given = cfg.model.data_preprocessor
    np.testing.assert_allclose(given.mean, used.mean((0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(given.std, used.std((0, 1, 2)), rtol=1e-4)
    report = examine(cfg, ('train', 'val'))
    assert not report.problems


def test_alpha_is_not_a_band_unless_it_is_asked_for(tmp_path: Path) -> None:
    draw(tmp_path / 'own', 4, 'uint8', '.png')
    out = tmp_path / 'mine.py'
    assert main(['--data', str(tmp_path / 'own'), '--out', str(out)]) == 0
    cfg = Config.fromfile(out)
    assert evaluated_pixels(cfg) is None


@pytest.mark.parametrize(('band', 'lost'), [('unspecified', True), ('unassalpha', False)])
def test_a_tiff_says_what_its_fourth_band_is(band: str, lost: bool) -> None:
    tifffile = pytest.importorskip('tifffile', reason="needs tifffile (the extra 'tiff')")
    file = io.BytesIO()
    image = np.zeros((*SIZE, 4), np.uint8)
    tifffile.imwrite(file, image, photometric='rgb', extrasamples=[band])
    assert lost_in_rgb(file.getvalue()) == (Pixels(4, 'uint8') if lost else None)


def test_images_that_differ_are_told(tmp_path: Path) -> None:
    draw(tmp_path / 'own', 5, 'uint16', '.npy')
    paths = image_paths(find_layout(tmp_path / 'own').train)
    np.save(paths[-1], np.zeros((*SIZE, 4), np.uint16))
    out = tmp_path / 'mine.py'
    assert main(['--data', str(tmp_path / 'own'), '--out', str(out)]) == 2
    assert not out.exists()
    np.save(paths[-1], np.zeros((*SIZE, 4)))
    assert main(['--data', str(tmp_path / 'own'), '--out', str(out)]) == 2


def test_a_mixture_that_can_be_read_as_photographs_is(tmp_path: Path) -> None:
    draw(tmp_path / 'own', 3, 'uint16', '.png')
    paths = image_paths(find_layout(tmp_path / 'own').train)
    cv2.imwrite(str(paths[0]), np.zeros((*SIZE, 3), np.uint8))
    assert find_pixels(paths, all_bands=False) is None
    paths[1].write_bytes(b'')
    assert find_pixels(paths[1:], all_bands=False) == Pixels(3, 'uint16')
