"""GeoTIFF in, GeoTIFF out: the same grid bit by bit, the labels of the whole picture, polygons."""

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from networks import random_checkpoint
from places import ROOT
from torch import Tensor, nn

from mmdeeplab import DeepLabPredictor
from mmdeeplab.cli.predict import main
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.pixels import Pixels
from mmdeeplab.errors import UserError
from mmdeeplab.inference.files import segment_files
from mmdeeplab.inference.geotiff.centre_crops import count_rows, cuts, label_rows
from mmdeeplab.inference.geotiff.coordinates import has_coordinates
from mmdeeplab.inference.geotiff.grid import opened
from mmdeeplab.inference.geotiff.picture import RasterPicture, reads_by_windows
from mmdeeplab.inference.geotiff.segment import is_cut, segment_raster
from mmdeeplab.inference.geotiff.write import blocks
from mmdeeplab.inference.images import read_as_stored, read_picture
from mmdeeplab.inference.inputs import Input, find_inputs
from mmdeeplab.inference.outputs import Outputs
from mmdeeplab.inference.predictor import as_input, segment
from mmdeeplab.inference.segmentation import Segmentation
from mmdeeplab.inference.sliding import SlidingWindows
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor
from mmdeeplab.visualization.shown_bands import shown_bands
from mmdeeplab.visualization.voc_palette import voc_palette

CLASSES = ('background', 'field', 'road', 'water')
UTM = 'EPSG:25832'
WINDOW, STRIDE = 113, 64  # 24 pixels are seen around each


class WholeNumbers(EncoderDecoder):
    """Scores of four classes that are exact in float32, which see 20 pixels at most."""

    def __init__(self, bands: int) -> None:
        nn.Module.__init__(self)
        generator = torch.Generator().manual_seed(0)

        def conv(inputs: int, outputs: int, kernel: int, stride: int, rate: int) -> nn.Conv2d:
            layer = nn.Conv2d(
                inputs, outputs, kernel, stride, rate * (kernel // 2), rate, bias=False
            )
            weight = torch.randint(-2, 3, layer.weight.shape, generator=generator)
            layer.weight.data = weight.float()
            return layer

        self.net = nn.Sequential(conv(bands, 6, 3, 4, 1), conv(6, len(CLASSES), 3, 1, 4))
        self.out_channels, self.align_corners = len(CLASSES), True
        self.data_preprocessor = DeepLabPreprocessor(
            [0.0] * bands, [1.0] * bands, (WINDOW, WINDOW), bgr_to_rgb=bands == 3
        )

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Nearest: each pixel has its own sample's, so no number is rounded."""
        assert not torch.is_grad_enabled()  # or every window's maps would be kept
        rows, columns = (torch.arange(side) // 4 for side in inputs.shape[2:])
        return self.net(inputs)[:, :, rows][..., columns]

    def test_step(self, data: dict) -> list[SegDataSample]:
        batch = self.data_preprocessor(data, False)
        logits = self.encode_decode(batch['inputs'], [])
        return self.postprocess_result(logits, batch['data_samples'])


class Predictor(SimpleNamespace):
    """Stands for a DeepLabPredictor of such a network."""

    shares_cores, crf, classes, palette = True, None, CLASSES, voc_palette(len(CLASSES))

    def read(self, path: Path) -> np.ndarray:
        if self.pixels is None:
            return read_picture(path, self.bands)
        return read_as_stored(path, self.pixels)

    def padded_size(self, picture: np.ndarray) -> tuple[int, ...]:
        return picture.shape[:2]

    def require_scores(self, picture: np.ndarray, *_: object) -> None:
        """Labels are all that these tests save."""

    def batch(self, pictures: list[np.ndarray]) -> list[Segmentation]:
        found = segment(self.model, pictures, self.pixels is not None)
        return [
            Segmentation(
                shown_bands(picture),
                one.pred_sem_seg.data[0].numpy().astype(np.uint8),
                self.classes,
                self.palette,
            )
            for picture, one in zip(pictures, found, strict=True)
        ]


def predictor(bands: int = 4, depth: str = 'uint16', **options: object) -> Predictor:
    init_default_scope('mmseg')
    window = dict(window=(WINDOW, WINDOW), stride=(STRIDE, STRIDE))
    model = SlidingWindows(WholeNumbers(bands), **(window | options)).eval()
    pixels = None if (bands, depth) == (3, 'uint8') else Pixels(bands, depth)
    return Predictor(model=model, pixels=pixels, bands=bands)


@pytest.fixture
def rasterio() -> object:
    return pytest.importorskip('rasterio', reason="rasterio is not installed (the extra 'geo')")


@pytest.fixture
def draw(rasterio: object, tmp_path: Path) -> Callable[..., Path]:
    """Writes a raster with areas and noise; returns its path."""

    def make(
        name: str = 'field.tif', size: tuple[int, int] = (300, 409), bands: int = 4,
        depth: str = 'uint16', **profile: object,
    ) -> Path:  # fmt: skip
        rng = np.random.default_rng(0)
        top = 16 if depth == 'uint8' else 64
        coarse = rng.integers(0, top, (bands, size[0] // 20 + 1, size[1] // 20 + 1))
        values = coarse.repeat(20, 1).repeat(20, 2)[:, : size[0], : size[1]]
        values = values + rng.integers(0, 3, values.shape)
        place = dict(crs=UTM, transform=rasterio.Affine(0.2, 0, 412345.1 / 3, 0, -0.2, 5.5e6 / 7))
        shape = dict(count=bands, height=size[0], width=size[1], dtype=depth)
        with rasterio.open(
            tmp_path / name, 'w', driver='GTiff', **(shape | place | profile)
        ) as dataset:
            dataset.write(values.astype(depth))
        return tmp_path / name

    return make


def read(rasterio: object, path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read().squeeze()


def whole(network: Predictor, path: Path) -> np.ndarray:
    """Labels of one pass over the whole picture."""
    picture = as_input(network.read(path), network.pixels is not None)
    size = tuple(picture.shape[1:])
    sample = SegDataSample(metainfo=dict(ori_shape=size, img_shape=size))
    with torch.no_grad():
        (result,) = network.model.network.test_step(dict(inputs=[picture], data_samples=[sample]))
    return result.pred_sem_seg.data[0].numpy()


@pytest.mark.parametrize(
    ('side', 'window', 'stride'),
    [(300, 97, 64), (409, 97, 70), (97, 97, 64), (98, 97, 64), (5000, 513, 342), (40, 9, 5)],
)
def test_every_pixel_is_labelled_once_and_seen_from_its_middle(
    side: int, window: int, stride: int
) -> None:
    kept = []
    for cut in cuts(side, window, stride):
        assert cut.start <= cut.kept.start < cut.kept.stop <= cut.stop
        assert cut.stop - cut.start <= window
        margin = (window - stride) // 2
        assert cut.kept.start - cut.start >= margin or cut.start == 0
        assert cut.stop - cut.kept.stop >= margin or cut.stop == side
        assert stride < 32 or cut.start % 32 == 0
        kept += range(cut.kept.start, cut.kept.stop)
    assert kept == list(range(side))


@pytest.mark.parametrize('size', [(300, 409), (97, 500), (60, 300), (321, 321)])
@pytest.mark.parametrize(('bands', 'depth'), [(4, 'uint16'), (3, 'uint8')])
def test_labels_are_those_of_the_whole_picture(
    size: tuple[int, int], bands: int, depth: str, draw: Callable, rasterio: object, tmp_path: Path
) -> None:
    network = predictor(bands, depth, limit=1)
    path = draw(size=size, bands=bands, depth=depth, tiled=True, blockxsize=32, blockysize=32)
    assert is_cut(network, path)
    segment_raster(network, path, dict(masks=tmp_path / 'labels.tif'))
    expected = whole(network, path)
    assert len(np.unique(expected)) > 2
    np.testing.assert_array_equal(read(rasterio, tmp_path / 'labels.tif'), expected)


def test_blended_bands_are_those_of_every_picture(
    draw: Callable, rasterio: object, tmp_path: Path
) -> None:
    network = predictor(mode='bands')
    path = draw()
    picture = as_input(network.read(path), True)
    pieces = list(label_rows(network.model, picture, path))
    assert len(pieces) == count_rows(network.model, 300)
    segment_raster(network, path, dict(masks=tmp_path / 'labels.tif'))
    (expected,) = network.batch([network.read(path)])
    np.testing.assert_array_equal(read(rasterio, tmp_path / 'labels.tif'), expected.labels)


@pytest.mark.parametrize(
    'profile',
    [
        dict(),
        dict(compress='deflate', tiled=True, blockxsize=64, blockysize=64, bigtiff='YES'),
        dict(crs='EPSG:4326'),
        dict(point=True),
        dict(rotated=True),
        dict(gcps=True),
    ],
)
@pytest.mark.parametrize('limit', [1, 2**30])
def test_the_grid_is_kept_bit_by_bit(
    profile: dict, limit: int, draw: Callable, rasterio: object, tmp_path: Path
) -> None:
    given = dict(profile)
    if given.pop('rotated', False):
        given['transform'] = rasterio.Affine(0.1 / 3, 0.02, 1e5 / 3, 0.03, -0.7 / 9, 1e6 / 7)
    if given.pop('gcps', False):
        point = rasterio.control.GroundControlPoint
        given['gcps'] = [point(0, 0, 7.1, 50.3), point(9, 300, 7.2, 50.3), point(290, 4, 7.1, 50.2)]
        given['transform'] = None
    on_points = given.pop('point', False)
    path = draw(**given)
    if on_points:
        with rasterio.open(path, 'r+') as dataset:
            dataset.update_tags(AREA_OR_POINT='Point')
    failed = run(predictor(limit=limit), path, tmp_path, 'masks', 'color', 'overlay')
    assert not failed
    with rasterio.open(path) as source:
        for output in ('masks', 'color', 'overlay'):
            with rasterio.open(tmp_path / f'out/{output}/field.tif') as made:
                assert made.transform == source.transform
                assert made.crs == source.crs
                assert made.shape == source.shape
                assert made.tags()['AREA_OR_POINT'] == source.tags()['AREA_OR_POINT']
                assert made.is_tiled
                points, others = made.gcps[0], source.gcps[0]
                assert [(p.row, p.col, p.x, p.y) for p in points] == [
                    (p.row, p.col, p.x, p.y) for p in others
                ]


def run(network: Predictor, path: Path, folder: Path, *outputs: str) -> list[str]:
    inputs, _ = find_inputs([str(path)])
    return segment_files(network, inputs, Outputs(folder / 'out', outputs, {}), 1)


@pytest.mark.parametrize('limit', [1, 2**30])
def test_colours_and_names_come_along_and_what_has_no_value_is_void(
    limit: int, draw: Callable, rasterio: object, tmp_path: Path
) -> None:
    path = draw(nodata=999)
    with rasterio.open(path, 'r+') as dataset:
        values = dataset.read()
        values[:, 100:130, 200:260] = 999
        values[0, 5, 5] = 999  # one band alone
        dataset.write(values)
    network = predictor(limit=limit)
    assert not run(network, path, tmp_path, 'masks', 'color', 'overlay', 'geojson')
    with rasterio.open(tmp_path / 'out/masks/field.tif') as made:
        labels = made.read(1)
        assert made.nodata == 255
        assert made.colormap(1)[2][:3] == tuple(network.palette[2])
        assert made.tags()['CLASS_3'] == 'water'
    expected = whole(network, path)
    expected[100:130, 200:260] = 255
    np.testing.assert_array_equal(labels, expected)
    colours = read(rasterio, tmp_path / 'out/color/field.tif')
    for label in (1, 2, 3):
        assert (network.palette[label] == colours[:, expected == label].T).all()
    overlay = read(rasterio, tmp_path / 'out/overlay/field.tif').astype(int)
    low, high = np.percentile(values[:3], (2, 98))
    grey = ((values[:3] - low) * 255 / (high - low)).clip(0, 255)
    assert np.abs(overlay - (grey + colours) / 2).max() <= 2


@pytest.mark.parametrize('limit', [1, 2**30])
@pytest.mark.parametrize('crs', [UTM, None])
def test_polygons_cover_the_classes(
    limit: int, crs: str | None, draw: Callable, rasterio: object, tmp_path: Path
) -> None:
    from rasterio.features import rasterize
    from rasterio.warp import transform_geom

    path = draw(size=(150, 201), crs=crs)
    network = predictor(limit=limit)
    assert not run(network, path, tmp_path, 'geojson')
    assert sorted(p.name for p in (tmp_path / 'out/geojson').iterdir()) == ['field.geojson']
    collection = json.loads((tmp_path / 'out/geojson/field.geojson').read_text())
    expected = whole(network, path)
    drawn = np.zeros_like(expected)
    with rasterio.open(path) as dataset:
        transform = dataset.transform
    for feature in collection['features']:
        label, shape = feature['properties']['id'], feature['geometry']
        assert feature['properties']['class'] == CLASSES[label]
        x, y = shape['coordinates'][0][0]
        if crs:
            assert 5 < x < 15
            assert abs(y) < 90
            shape = transform_geom('EPSG:4326', crs, shape)
        mine = rasterize([shape], drawn.shape, transform=transform)
        assert not drawn[mine > 0].any()
        drawn[mine > 0] = label
    np.testing.assert_array_equal(drawn, expected)


def test_the_command_and_python_write_the_same(
    draw: Callable, rasterio: object, tmp_path: Path
) -> None:
    config = str(ROOT / 'configs/lraspp_mobilenetv3-small_voc.py')
    size = 'model.data_preprocessor.test_size=(65,65)'
    checkpoint = random_checkpoint(load_config(config, ConfigOptions([size])), tmp_path)
    path = draw(size=(90, 140), bands=3, depth='uint8')
    for mode in ('auto', 'bands'):
        cut = ['--mode', 'bands', '--window', '65', '--stride', '43'] if mode == 'bands' else []
        out = tmp_path / mode
        assert main([
            str(path), '--model', config, '--checkpoint', str(checkpoint), '--device', 'cpu',
            '--out', str(out), '--save', 'masks,geojson', '--cfg-options', size, *cut,
        ]) == 0  # fmt: skip
        window = dict(window=65, stride=43) if cut else {}
        options = ConfigOptions([size])
        network = DeepLabPredictor(config, checkpoint, 'cpu', mode=mode, options=options, **window)
        assert is_cut(network, path) == bool(cut)
        made = dict(masks=str(tmp_path / 'a.tif'), geojson=str(tmp_path / 'a.geojson'))
        segment_raster(network, str(path), made)
        labels = read(rasterio, out / 'masks/field.tif')
        assert len(np.unique(labels)) > 1
        np.testing.assert_array_equal(read(rasterio, tmp_path / 'a.tif'), labels)
        np.testing.assert_array_equal(labels, network(path).labels)
        polygons = (out / 'geojson/field.geojson').read_text()
        assert polygons == (tmp_path / 'a.geojson').read_text()
        assert json.loads(polygons)['features']


def test_pictures_without_coordinates_are_named(
    draw: Callable, rasterio: object, tmp_path: Path
) -> None:
    plain = draw('plain.tif', crs=None, transform=None)
    assert not has_coordinates(plain)
    (words,) = run(predictor(), plain, tmp_path, 'geojson')
    assert 'plain.tif: --save geojson needs coordinates, and it is no GeoTIFF' in words
    tied = draw('tied.tif', gcps=[rasterio.control.GroundControlPoint(0, 0, 7, 50)], transform=None)
    assert has_coordinates(tied)
    for limit in (1, 2**30):
        (words,) = run(predictor(limit=limit), tied, tmp_path, 'geojson')
        assert 'tied.tif' in words
        assert 'gdalwarp' in words


def test_without_rasterio_labels_are_a_picture_and_a_note_says_so(
    draw: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = draw(bands=3, depth='uint8')
    monkeypatch.setitem(sys.modules, 'rasterio', None)
    network = predictor(3, 'uint8')
    assert not run(network, path, tmp_path, 'masks')
    assert (tmp_path / 'out/masks/field.png').is_file()
    assert "which results have where rasterio is: pip install 'mmdeeplab[geo]'" in (
        capsys.readouterr().err
    )
    (words,) = run(network, path, tmp_path / 'b', 'geojson')
    assert "rasterio is missing: pip install 'mmdeeplab[geo]'" in words


def test_other_pixels_and_outputs_of_whole_pictures_are_refused(
    draw: Callable, tmp_path: Path
) -> None:
    network = predictor(limit=1)
    (words,) = run(network, draw(bands=3), tmp_path, 'masks')
    assert 'field.tif has 3 bands of uint16, the config reads 4 bands of uint16' in words
    (words,) = run(network, draw(), tmp_path, 'masks', 'prob')
    assert 'is cut into windows, of which there is no prob' in words
    assert not (tmp_path / 'out/masks').exists() or not list((tmp_path / 'out/masks').iterdir())


@pytest.mark.parametrize('orientation', [2, 3, 4, 6])
def test_a_turned_picture_is_not_laid_on_its_grid(
    orientation: int, draw: Callable, tmp_path: Path
) -> None:
    """GDAL does not turn it, the reading of photographs does, and some turns keep the size."""
    path = draw(bands=3, depth='uint8', size=(90, 90))
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack('<I', data[4:8])
    (count,) = struct.unpack('<H', data[first : first + 2])
    stop = first + 2 + 12 * count
    tags = [bytes(data[i : i + 12]) for i in range(first + 2, stop, 12)]
    tags = sorted([*tags, struct.pack('<HHIHH', 274, 3, 1, orientation, 0)], key=lambda t: t[1::-1])
    data[4:8] = struct.pack('<I', len(data))
    path.write_bytes(data + struct.pack('<H', count + 1) + b''.join(tags) + data[stop : stop + 4])
    with pytest.raises(UserError, match='write it without the tag Orientation'):
        segment_raster(predictor(3, 'uint8'), path, dict(masks=tmp_path / 'out.tif'))
    outputs = Outputs(tmp_path / 'labels', ['masks'], {})
    (failed,) = segment_files(predictor(3, 'uint8'), find_inputs([str(path)])[0], outputs, 1)
    assert 'write it without the tag Orientation' in failed


@pytest.mark.parametrize('profile', [dict(photometric='MINISWHITE'), dict(nbits=4)])
def test_windows_are_not_read_where_white_is_no_255(profile: dict, draw: Callable) -> None:
    """They would be darker, or inverted."""
    path = draw(bands=1, depth='uint8', **profile)
    network = predictor(3, 'uint8', limit=1)
    assert is_cut(network, draw('plain.tif', bands=1, depth='uint8'))
    assert not is_cut(network, path)


@pytest.mark.parametrize('alpha', ['unspecified', 'premultiplied', 'yes'])
def test_a_picture_with_alpha_is_the_same_whole_and_by_windows(draw: Callable, alpha: str) -> None:
    path = draw(bands=4, depth='uint8', photometric='RGB', alpha=alpha)
    with opened(path) as dataset:
        assert reads_by_windows(dataset, None, 3)
        windows = RasterPicture(dataset, None, 3)[:, 0:300, 0:409]
    np.testing.assert_array_equal(read_picture(path), windows.permute(1, 2, 0).flip(2))


def test_grey_bands_are_no_colours_by_windows_either(draw: Callable) -> None:
    path = draw(bands=3, depth='uint8', photometric='MINISBLACK')
    assert not is_cut(predictor(3, 'uint8', limit=1), path)
    with pytest.raises(UserError, match='3 bands of uint8, which are not RGB'):
        read_picture(path)


def test_a_broken_raster_is_named_and_the_others_are_done(draw: Callable, tmp_path: Path) -> None:
    folder = tmp_path / 'in'
    folder.mkdir()
    whole_one = draw('in/a.tif', tiled=True, blockxsize=64, blockysize=64, compress='deflate')
    broken = folder / 'b.tif'
    data = bytearray(whole_one.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    broken.write_bytes(data)
    failed = run(predictor(limit=1), folder, tmp_path, 'masks')
    assert len(failed) == 1
    assert 'b.tif is broken' in failed[0]
    assert [p.name for p in (tmp_path / 'out/masks').iterdir()] == ['a.tif']


def test_a_raster_that_a_tag_turns_is_told(draw: Callable, tmp_path: Path) -> None:
    class Turning(Predictor):
        def read(self, path: Path) -> np.ndarray:
            return np.rot90(super().read(path))

    path = draw(bands=3, depth='uint8')
    whole = predictor(3, 'uint8')
    inputs, _ = find_inputs([str(path)])
    outputs = Outputs(tmp_path / 'out', ['masks'], {})
    (sentence,) = segment_files(Turning(**vars(whole)), inputs, outputs, 1)
    assert 'has a tag that turns it' in sentence
    assert not list((tmp_path / 'out').rglob('*.tif'))


def test_a_raster_that_the_memory_has_no_room_for_is_told(draw: Callable, tmp_path: Path) -> None:
    network = predictor(limit=1)

    def full(x: Tensor) -> Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    network.model.network.net.forward = full
    (sentence,) = run(network, draw(), tmp_path, 'masks')
    assert 'field.tif: no memory' in sentence
    assert not list((tmp_path / 'out').rglob('*.tif'))


def test_what_is_there_is_not_made_again(draw: Callable, tmp_path: Path) -> None:
    path = draw()
    network = predictor(limit=1)
    assert not run(network, path, tmp_path, 'masks')
    made = (tmp_path / 'out/masks/field.tif').stat()
    network.model = None  # it is not asked for
    assert not run(network, path, tmp_path, 'masks')
    assert (tmp_path / 'out/masks/field.tif').stat() == made


def test_killed_in_the_middle_leaves_no_half_file(draw: Callable, tmp_path: Path) -> None:
    path = draw(size=(700, 300))
    network = predictor(limit=1)
    out = tmp_path / 'labels.tif'
    child = os.fork()
    if child == 0:
        calls = []
        forward = network.model.network.net.forward

        def dying(x: Tensor) -> Tensor:
            calls.append(x)
            if len(calls) > 12:
                os.kill(os.getpid(), signal.SIGKILL)
            return forward(x)

        network.model.network.net.forward = dying
        segment_raster(network, path, dict(masks=out))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not out.exists()
    assert not [p for p in tmp_path.iterdir() if p.suffix == '.tif' and p != path]
    segment_raster(network, path, dict(masks=out))
    assert out.exists()


def test_rows_are_put_together_to_blocks() -> None:
    rows = np.arange(1000)[:, None].repeat(3, 1)
    pieces = np.split(rows, [1, 2, 300, 301, 900])
    made = list(blocks(pieces, 256))
    assert [len(one) for one in made] == [256, 256, 256, 232]
    np.testing.assert_array_equal(np.concatenate(made), rows)


def test_label_rows_of_a_tensor() -> None:
    network = predictor(limit=1)
    picture = np.random.default_rng(1).integers(0, 9, (200, 130, 4)).astype(np.uint16)
    pieces = list(label_rows(network.model, as_input(picture, True), 'a picture'))
    assert len(pieces) == count_rows(network.model, 200)
    rows = np.concatenate(pieces)
    (expected,) = predictor().batch([picture])
    np.testing.assert_array_equal(rows, expected.labels)
    network.model.network.net[0].weight.data[:] = float('nan')
    with pytest.raises(UserError, match='the logits of a picture are not finite'):
        list(label_rows(network.model, as_input(picture, True), 'a picture'))


@pytest.mark.slow
def test_400_megapixels_of_four_bands_within_2_gib(rasterio: object, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name('huge_geotiff.py')), str(tmp_path), '20000'],
        env=os.environ | dict(OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['shape'] == [20000, 20000]
    assert report['values'] == [0, 1]
    assert report['segmented'] - report['before'] < 2048
    assert Input(tmp_path / 'huge.tif', 'huge').has_coordinates
