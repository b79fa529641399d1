"""Images read as they are stored: bit by bit against the arrays that other programs wrote."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmdeeplab.config.pixels import Pixels, pixel_faults, pixels_of
from mmdeeplab.datasets.image_io import read_image
from mmdeeplab.datasets.stored_images import decode_stored, read_stored
from mmdeeplab.datasets.transforms import (
    CentreCrop,
    LoadImage,
    PackTraining,
    RandomFlip,
    RandomScaleCrop,
)
from mmdeeplab.datasets.transforms.resize import resize_bilinear
from mmdeeplab.errors import UserError
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor

DEPTHS = ('uint8', 'uint16', 'float32')
SIZE = (37, 53)
TIFFS = {
    'strips': dict(rowsperstrip=5),
    'tiles': dict(tile=(16, 32)),
    'deflate': dict(compression='zlib', predictor=True),
    'lzw': dict(compression='lzw'),
    'bigtiff': dict(bigtiff=True),
    'big-endian': dict(byteorder='>'),
}


def drawn(depth: str, bands: int, seed: int = 0) -> np.ndarray:
    """(37, 53, bands) that uses every bit."""
    rng = np.random.default_rng(seed)
    if depth == 'float32':
        return rng.normal(0, 1e3, (*SIZE, bands)).astype(np.float32)
    return rng.integers(0, np.iinfo(depth).max + 1, (*SIZE, bands), dtype=depth)


def tiff(image: np.ndarray, **options: object) -> bytes:
    writer = pytest.importorskip('tifffile')
    pytest.importorskip('imagecodecs')
    file = io.BytesIO()
    planes = options.get('planarconfig') == 'separate'
    array = image[..., 0] if image.shape[2] == 1 else image.transpose(2, 0, 1) if planes else image
    if image.shape[2] > 1:
        options = {'planarconfig': 'contig', **options}
    writer.imwrite(file, array, photometric='minisblack', **options)
    return file.getvalue()


def npy(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, image)
    return file.getvalue()


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize('bands', [1, 2, 3, 4, 5, 8, 13, 16])
@pytest.mark.parametrize('depth', DEPTHS)
def test_an_npy_is_read_bit_by_bit(depth: str, bands: int) -> None:
    image = drawn(depth, bands)
    assert same(decode_stored(npy(image), 'a.npy'), image)
    assert same(decode_stored(npy(np.asfortranarray(image)), 'a.npy'), image)
    if bands == 1:
        assert same(decode_stored(npy(image[..., 0]), 'a.npy'), image)


@pytest.mark.parametrize('bands', [1, 2, 3, 4, 5, 8, 13, 16])
@pytest.mark.parametrize('depth', DEPTHS)
@pytest.mark.parametrize('how', TIFFS)
def test_a_tiff_is_read_bit_by_bit(how: str, depth: str, bands: int) -> None:
    image = drawn(depth, bands)
    assert same(decode_stored(tiff(image, **TIFFS[how]), 'a.tif'), image)
    if bands > 1:
        planes = tiff(image, planarconfig='separate', **TIFFS[how])
        assert same(decode_stored(planes, 'a.tif'), image)


def test_a_tiff_of_other_programs() -> None:
    pytest.importorskip('tifffile')
    rgb = drawn('uint8', 3)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, 'TIFF')
    assert same(decode_stored(file.getvalue(), 'a.tif'), rgb)
    deep = drawn('uint16', 4)
    data = cv2.imencode('.tiff', deep[..., [2, 1, 0, 3]])[1].tobytes()
    assert same(decode_stored(data, 'a.tif'), deep)


@pytest.mark.parametrize('bands', [1, 3, 4])
@pytest.mark.parametrize('depth', ['uint8', 'uint16'])
def test_a_png_is_read_bit_by_bit(depth: str, bands: int) -> None:
    image = drawn(depth, bands)
    order = [2, 1, 0, 3][:bands] if bands > 1 else [0]  # OpenCV writes BGR
    data = cv2.imencode('.png', image[..., order])[1].tobytes()
    assert same(decode_stored(data, 'a.png'), image)


def test_a_png_of_grey_and_alpha_has_two_bands() -> None:
    image = drawn('uint8', 2)
    file = io.BytesIO()
    Image.fromarray(image, 'LA').save(file, 'PNG')
    assert same(decode_stored(file.getvalue(), 'a.png'), image)


@pytest.mark.parametrize('bands', [1, 3, 6])
@pytest.mark.parametrize('depth', DEPTHS)
def test_every_bit_reaches_the_normalisation(tmp_path: Path, depth: str, bands: int) -> None:
    image = drawn(depth, bands)
    path = tmp_path / 'a.npy'
    np.save(path, image)
    mean, std = np.arange(bands) * 10.0, np.arange(bands) + 2.0
    wanted = (image.astype(np.float32) - mean.astype(np.float32)) / std.astype(np.float32)
    preprocessor = DeepLabPreprocessor(mean, std, SIZE, bgr_to_rgb=False)
    for cache in (None, str(tmp_path / 'cache'), str(tmp_path / 'cache')):
        results = LoadImage(cache, bands, depth)(dict(img_path=str(path), seg_fields=[]))
        results = CentreCrop(SIZE)(RandomScaleCrop(SIZE, 1.0, 1.0)(results))
        results = RandomFlip(prob=1.0)(RandomFlip(prob=1.0)(results) | dict(flip=None))
        packed = PackTraining()(results)
        assert same(packed['inputs'].numpy(), np.ascontiguousarray(image.transpose(2, 0, 1)))
        sample = SegDataSample(metainfo=dict(flip=False))
        sample.gt_sem_seg = PixelData(data=torch.zeros(1, *SIZE, dtype=torch.uint8))
        data = dict(inputs=[packed['inputs']], data_samples=[sample])
        batch = preprocessor(data, training=True)['inputs']
        assert same(batch[0].permute(1, 2, 0).contiguous().numpy(), wanted)


@pytest.mark.parametrize('depth', DEPTHS)
def test_scaling_keeps_the_depth_and_is_right_to_one_level(depth: str) -> None:
    image = drawn(depth, 5)
    size = (61, 44)
    scaled = resize_bilinear(image, size)
    tensor = torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1)[None]
    exact = torch.nn.functional.interpolate(tensor, size, mode='bilinear', align_corners=True)
    error = np.abs(scaled - exact[0].permute(1, 2, 0).numpy()).max()
    assert scaled.dtype == np.dtype(depth)
    assert error <= {'uint8': 1, 'uint16': 1, 'float32': 0.05}[depth]
    window = (slice(7, 50), slice(3, 31))
    inside = resize_bilinear(image, size, window)
    tolerance = dict(uint8=0, uint16=1, float32=0.05)[depth]
    assert np.abs(inside.astype(float) - scaled[window].astype(float)).max() <= tolerance


def test_what_cannot_be_read_as_it_is_gets_a_sentence(tmp_path: Path) -> None:
    cases = {
        'bands.npy': (npy(drawn('uint8', 17)), '17 bands of uint8'),
        'double.npy': (npy(drawn('float32', 3).astype(float)), '3 bands of float64'),
        'flat.npy': (npy(np.zeros(7, np.uint8)), r'shape \(7,\)'),
        'object.npy': (npy(np.array([[{}]])), 'object'),
        'nan.npy': (npy(np.full((3, 3), np.nan, np.float32)), '9 values that are NaN'),
        'cut.npy': (npy(drawn('uint16', 3))[:-9], 'broken'),
        'cut.png': (cv2.imencode('.png', drawn('uint16', 3))[1].tobytes()[:-20], 'is cut'),
        'text.png': (b'hello', 'not a picture'),
    }
    for name, (data, words) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=rf'{name}.*{words}'):
            read_stored(tmp_path / name)


def test_a_broken_tiff_gets_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / 'cut.tif'
    path.write_bytes(tiff(drawn('uint16', 5))[:400])
    with pytest.raises(UserError, match=r'cut\.tif'):
        read_stored(path)


def test_another_depth_than_the_config_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'a.npy'
    np.save(path, drawn('uint16', 5))
    words = r'a\.npy has 5 bands of uint16, the config reads 4 bands of uint16'
    with pytest.raises(UserError, match=words):
        LoadImage(bands=4, depth='uint16')(str(path))
    with pytest.raises(UserError, match='needs the number of bands'):
        LoadImage(depth='uint16')
    with pytest.raises(UserError, match='uint8, uint16, float32'):
        LoadImage(bands=3, depth='int16')
    with pytest.raises(UserError, match='1 to 16'):
        LoadImage(bands=17)


def test_without_bands_the_sentence_names_the_step_that_reads_them(tmp_path: Path) -> None:
    path = tmp_path / 'a.npy'
    np.save(path, drawn('float32', 5))
    with pytest.raises(UserError, match=r"5 bands of float32.*LoadImage\(bands=5, depth='float32'"):
        read_image(path)
    path = tmp_path / 'a.tif'
    path.write_bytes(tiff(drawn('float32', 6)))
    with pytest.raises(UserError, match=r'a\.tif has 6 bands of float32'):
        read_image(path)


def config(step: dict, **model: object) -> dict:
    dataset = dict(pipeline=[step, dict(type='PhotoMetricDistortion')])
    backbone = dict(in_channels=model.pop('in_channels', 3))
    return dict(
        train_dataloader=dict(dataset=dataset),
        model=dict(backbone=backbone, data_preprocessor=model),
    )


def test_the_config_tells_of_its_pixels_in_the_loading_step() -> None:
    step = dict(type='mmdeeplab.LoadImage', bands=4, depth='uint16')
    assert pixels_of([step]) == Pixels(4, 'uint16')
    assert pixels_of([dict(type='mmdeeplab.LoadImage')]) is None
    faults = ' '.join(pixel_faults(config(step)))
    for words in ('PhotoMetricDistortion computes', 'in_channels=4', 'mean has 3', 'std has 3'):
        assert words in faults
    assert list(pixel_faults(config(dict(type='mmdeeplab.LoadImage')))) == []
    rgb = config(dict(type='mmdeeplab.LoadImage', bands=3))
    (fault,) = pixel_faults(rgb)
    assert 'bgr_to_rgb=False' in fault
    rgb['model']['data_preprocessor']['bgr_to_rgb'] = False
    assert list(pixel_faults(rgb)) == []
    rgb['model']['data_preprocessor'] |= dict(mean=None, std=127.5)
    assert list(pixel_faults(rgb)) == []
    rgb['model'] = dict(type='mmdeeplab.SlidingWindows', module=rgb['model'])
    assert list(pixel_faults(rgb)) == []
