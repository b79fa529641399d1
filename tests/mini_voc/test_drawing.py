"""The miniature VOC: layout, labels, determinism, and the truth of what is drawn."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mmdeeplab.datasets.mini_voc.classes import APPEARANCES, HUE_JITTER, HUE_STEP
from mmdeeplab.datasets.mini_voc.folder import MiniVoc, generate
from mmdeeplab.datasets.mini_voc.scene import draw_sample, scene_classes
from mmdeeplab.datasets.mini_voc.shapes import box, coverage, cut
from mmdeeplab.datasets.mini_voc.silhouettes import SILHOUETTES
from mmdeeplab.datasets.mini_voc.textures import PATTERNS
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette

# The published colour table of VOC 2012.
VOC_COLOURS = (
    *((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)),
    *((0, 128, 128), (128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0)),
    *((64, 0, 128), (192, 0, 128), (64, 128, 128), (192, 128, 128), (0, 64, 0), (128, 64, 0)),
    *((0, 192, 0), (128, 192, 0), (0, 64, 128)),
)

SPEC = MiniVoc(train=24, val=12, size=64, seed=3)


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('mini') / 'voc'
    assert generate(out, SPEC, quiet=True)
    return out


def names_of(root: Path, split: str) -> list[str]:
    return (root / 'ImageSets/Segmentation' / f'{split}.txt').read_text().split()


def label_of(root: Path, name: str) -> NDArray[np.uint8]:
    return np.array(Image.open(root / 'SegmentationClass' / f'{name}.png'))


def digest(root: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(p for p in root.rglob('*') if p.is_file()):
        total.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return total.hexdigest()


def lab_hue(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB a and b of (N, 3) sRGB pixels, from the CIE and sRGB definitions; returns (N, 2)."""
    c = rgb / 255.0
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear @ np.array(to_xyz).T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def test_palette_is_the_published_one() -> None:
    assert tuple(voc_palette(21)) == VOC_COLOURS
    assert len(voc_palette()) == 256
    assert voc_palette()[255] == (224, 224, 192)
    with pytest.raises(UserError, match=r'257 classes: .*8 bits'):
        voc_palette(257)


def test_layout(root: Path) -> None:
    train, val = names_of(root, 'train'), names_of(root, 'val')
    assert (len(train), len(val)) == (24, 12)
    assert names_of(root, 'trainval') == train + val
    assert train[0] == '2026_000001'
    for folder, suffix in (('JPEGImages', '.jpg'), ('SegmentationClass', '.png')):
        files = sorted(p.name for p in (root / folder).iterdir())
        assert files == [name + suffix for name in train + val]
    assert tuple((root / 'classes.txt').read_text().split()) == VOC_CLASSES
    assert len(VOC_CLASSES) == 21


def test_masks_are_palette_pngs_of_valid_ids(root: Path) -> None:
    for name in names_of(root, 'trainval'):
        mask = Image.open(root / 'SegmentationClass' / f'{name}.png')
        image = Image.open(root / 'JPEGImages' / f'{name}.jpg')
        assert mask.mode == 'P'
        assert image.mode == 'RGB'
        assert mask.size == image.size
        palette = np.array(mask.getpalette()).reshape(-1, 3)
        np.testing.assert_array_equal(palette[:21], VOC_COLOURS)
        assert set(np.unique(np.array(mask))) <= {*range(21), IGNORE_INDEX}


def test_sizes_vary(root: Path) -> None:
    shapes = {label_of(root, name).shape for name in names_of(root, 'trainval')}
    assert {max(shape) for shape in shapes} == {64}
    assert min(min(shape) for shape in shapes) >= 48
    assert any(h > w for h, w in shapes)
    assert any(w > h for h, w in shapes)
    assert len(shapes) > 8


@pytest.mark.parametrize('split', ['train', 'val'])
def test_every_class_is_in_both_splits(root: Path, split: str) -> None:
    seen = {int(i) for name in names_of(root, split) for i in np.unique(label_of(root, name))}
    assert seen == {*range(21), IGNORE_INDEX}


def test_a_border_parts_every_object(root: Path) -> None:
    """No two ids but 255 touch, not even over a corner."""
    for name in names_of(root, 'trainval'):
        label = label_of(root, name).astype(int)
        pairs = [(label[:, 1:], label[:, :-1]), (label[1:], label[:-1])]
        pairs += [(label[1:, 1:], label[:-1, :-1]), (label[1:, :-1], label[:-1, 1:])]
        for one, other in pairs:
            assert not ((one != other) & (one != IGNORE_INDEX) & (other != IGNORE_INDEX)).any()


def test_classes_are_balanced() -> None:
    counts = np.bincount([c for k in range(80) for c in scene_classes(0, 0, k)], minlength=21)
    assert counts.sum() == 180
    assert counts[0] == 0
    assert (counts[1:] == 9).all()


def test_looks_differ() -> None:
    assert sorted(APPEARANCES) == list(range(1, 21))
    assert (
        {appearance.name for appearance in APPEARANCES.values()}
        == set(SILHOUETTES)
        == set(VOC_CLASSES[1:])
    )
    assert {appearance.texture for appearance in APPEARANCES.values()} == set(PATTERNS)
    wheel = sorted(APPEARANCES.values(), key=lambda appearance: appearance.hue)
    assert [appearance.hue for appearance in wheel] == [HUE_STEP * k for k in range(20)]
    for one, following in zip(wheel, wheel[1:] + wheel[:1], strict=True):
        assert one.tone != following.tone
        assert one.texture != following.texture


def test_silhouettes_lie_in_the_unit_square() -> None:
    for parts in SILHOUETTES.values():
        corners = np.concatenate([part.points for part in parts])
        assert np.abs(corners).max() <= 1.08
        assert np.ptp(corners, axis=0).max() > 1.5


def test_coverage_is_exact_area() -> None:
    to_image = np.array([[10.0, 0, 20], [0, 10.0, 16]])
    full = coverage((box(-1, -1, 1, 1),), to_image, 32, 40)
    assert full.shape == (32, 40)
    assert full[6:26, 10:30].min() == 1
    assert full.sum() == pytest.approx(400, rel=0.04)
    ring = coverage((box(-1, -1, 1, 1), cut(box(-0.5, -0.5, 0.5, 0.5))), to_image, 32, 40)
    assert ring.sum() == pytest.approx(300, rel=0.06)
    assert ring[16, 20] == 0


def test_hue_inside_masks_is_the_class_hue(root: Path) -> None:
    """The mean hue under a mask is the class's, and the background has hardly any colour."""
    for name in names_of(root, 'trainval'):
        image = np.array(Image.open(root / 'JPEGImages' / f'{name}.jpg'))
        label = label_of(root, name)
        for index in set(np.unique(label).tolist()) - {IGNORE_INDEX}:
            if np.count_nonzero(label == index) < 60:
                continue
            a, b = lab_hue(image[label == index]).mean(0)
            if index == 0:
                assert np.hypot(a, b) < 12
                continue
            turn = (np.rad2deg(np.arctan2(b, a)) - APPEARANCES[index].hue + 180) % 360 - 180
            assert np.hypot(a, b) > 15
            assert abs(turn) < HUE_JITTER + HUE_STEP / 2, (name, VOC_CLASSES[index])


def test_same_seed_same_bytes(root: Path, tmp_path: Path) -> None:
    generate(tmp_path / 'again', SPEC, quiet=True)
    assert digest(tmp_path / 'again') == digest(root)
    one, other = draw_sample(3, 0, 5, 64), draw_sample(4, 0, 5, 64)
    assert one.image.tobytes() != other.image.tobytes()
    assert one.image.tobytes() != draw_sample(3, 1, 5, 64).image.tobytes()


def test_image_does_not_depend_on_split_sizes(root: Path) -> None:
    sample = draw_sample(SPEC.seed, 1, 2, SPEC.size)
    np.testing.assert_array_equal(sample.label, label_of(root, names_of(root, 'val')[2]))
