"""Predictions as annotation tools open them: every file read back as the tool itself reads it."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmdeeplab.datasets.annotations.yolo import read_names
from mmdeeplab.datasets.mini_voc.spec import MiniVoc
from mmdeeplab.inference.annotations.cvat import cvat_text, joined_cvat
from mmdeeplab.inference.annotations.files import TEXT, join
from mmdeeplab.inference.annotations.objects import objects_of, outline, run_lengths
from mmdeeplab.inference.annotations.yolo import data_yaml
from mmdeeplab.inference.inputs import Input
from mmdeeplab.inference.outputs import Outputs, source_of
from mmdeeplab.inference.save_formats import ANNOTATIONS
from mmdeeplab.inference.segmentation import Segmentation

CLASSES = ('background', 'road', 'car & <van>', 'sky')


def random_labels(seed: int, classes: int = 4) -> np.ndarray:
    """Blobs with holes, islands in holes and single pixels."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(61, 83, classes)), (0, 0), 1 + seed)
    return noise.argmax(-1).astype(np.uint8)


def drawn_labels(tmp_path: Path) -> list[np.ndarray]:
    """Masks of the miniature VOC, as a network predicts them: without void."""
    from mmdeeplab.datasets.mini_voc.folder import generate

    generate(tmp_path, MiniVoc(train=3, val=1, size=96), quiet=True)
    masks = [np.array(Image.open(p)) for p in sorted(tmp_path.glob('SegmentationClass/*.png'))]
    return [np.where(mask == 255, 0, mask % 4).astype(np.uint8) for mask in masks]


def alternating(counts: Sequence[int]) -> np.ndarray:
    return np.repeat(np.arange(len(counts)) % 2, counts).astype(bool)


def read_coco(text: str, shape: tuple[int, int], names: Sequence[str]) -> np.ndarray:
    document = json.loads(text)
    by_id = {one['id']: one['name'] for one in document['categories']}
    labels = np.zeros(shape, np.uint8)
    for one in document['annotations']:
        region = one['segmentation']
        assert region['size'] == list(shape)
        inside = alternating(region['counts']).reshape(shape[::-1]).T
        assert inside.sum() == one['area']
        ys, xs = np.nonzero(inside)
        corner = [int(xs.min()), int(ys.min())]
        assert one['bbox'] == [*corner, int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1]
        labels[inside] = names.index(by_id[one['category_id']])
    return labels


def read_labelme(text: str, shape: tuple[int, int], names: Sequence[str]) -> np.ndarray:
    """As ``labelme.utils.shapes_to_label`` draws."""
    document = json.loads(text)
    assert (document['imageHeight'], document['imageWidth']) == shape
    picture = Image.new('L', shape[::-1])
    for one in document['shapes']:
        assert one['shape_type'] == 'polygon'
        points = [tuple(point) for point in one['points']]
        assert len(points) > 2
        label = names.index(one['label'])
        ImageDraw.Draw(picture).polygon(points, outline=label, fill=label)
    return np.array(picture)


def read_cvat(text: str, shape: tuple[int, int], names: Sequence[str]) -> np.ndarray:
    (image,) = ElementTree.fromstring(text).iter('image')
    assert (int(image.attrib['height']), int(image.attrib['width'])) == shape
    labels = np.zeros(shape, np.uint8)
    for one in image:
        left, top, width, height = (int(one.attrib[k]) for k in ('left', 'top', 'width', 'height'))
        inside = alternating([int(run) for run in one.attrib['rle'].split(',')])
        box = labels[top : top + height, left : left + width]
        box[inside.reshape(height, width)] = names.index(one.attrib['label'])
    return labels


def read_yolo(text: str, shape: tuple[int, int], names: Sequence[str]) -> np.ndarray:
    """As Ultralytics draws: corners cut to whole pixels, filled by OpenCV; others round them."""
    labels = np.zeros(shape, np.uint8)
    for line in text.splitlines():
        label, *numbers = line.split()
        shares = np.array(numbers, np.float32).reshape(-1, 2)
        assert len(shares) > 2
        assert shares.min() >= 0
        assert shares.max() <= 1
        corners = (shares * shape[::-1]).astype(np.int32)
        assert np.array_equal(corners, np.rint(shares * shape[::-1]))
        cv2.fillPoly(labels, [corners], int(label) + (names[0] == 'background'))
    return labels


READ: dict[str, Callable[[str, tuple[int, int], Sequence[str]], np.ndarray]] = dict(
    coco=read_coco, labelme=read_labelme, cvat=read_cvat, yolo=read_yolo
)


def test_every_format_is_looked_at() -> None:
    assert tuple(READ) == tuple(TEXT) == ANNOTATIONS


@pytest.mark.parametrize('output', ANNOTATIONS)
@pytest.mark.parametrize('names', [CLASSES, ('a', 'b', 'c', 'd')])
def test_labels_come_back_exactly(output: str, names: tuple[str, ...], tmp_path: Path) -> None:
    """Also where class 0 is no background: then it is drawn as the others are."""
    for labels in [*map(random_labels, range(6)), *drawn_labels(tmp_path)]:
        text = TEXT[output](labels, names, 'a.jpg')
        assert np.array_equal(READ[output](text, labels.shape, names), labels)


@pytest.mark.parametrize('output', ANNOTATIONS)
def test_nothing_and_everything(output: str) -> None:
    for value in (0, 2):
        labels = np.full((7, 5), value, np.uint8)
        text = TEXT[output](labels, CLASSES, 'a.jpg')
        assert np.array_equal(READ[output](text, labels.shape, CLASSES), labels)
    void = np.full((7, 5), 255, np.uint8)
    assert not READ[output](TEXT[output](void, CLASSES, 'a.jpg'), void.shape, CLASSES).any()


def test_an_outline_leaves_holes_open() -> None:
    """A ring in a ring, and holes that share a pixel of the region."""
    mask = np.ones((9, 14), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    mask[3:6, 8:10] = mask[6, 10] = mask[2, 12] = False
    regions = objects_of(mask.astype(np.uint8), ('background', 'a'))
    assert [one.area for one in regions] == [mask.sum() - 1, 1]
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(drawn, [outline(regions[0].mask)], 1)
    assert np.array_equal(drawn.astype(bool), regions[0].mask)


def test_run_lengths() -> None:
    assert run_lengths(np.array([1, 1, 0, 1], bool)) == [0, 2, 1, 1]
    assert run_lengths(np.array([0, 1, 0], bool)) == [1, 1, 1]
    assert run_lengths(np.zeros(3, bool)) == [3]


def test_one_file_of_all_images(tmp_path: Path) -> None:
    picture = tmp_path / 'in' / 'a.jpg'
    picture.parent.mkdir()
    outputs = Outputs(tmp_path / 'out', ANNOTATIONS, {})
    for seed, name in enumerate(('a', 'sub/b')):
        labels = random_labels(seed)
        blank = np.zeros((*labels.shape, 3), np.uint8)
        picture.write_bytes(b'')
        result = Segmentation(blank, labels, CLASSES, [(0, 0, 0)] * 4)
        source = source_of(picture)
        outputs.write(Input(picture, name), outputs.encode(name, result, source), source)
    (tmp_path / 'out/coco/sub/video.json').write_text('{"frames": 1}')
    made = join(outputs.folder, outputs.wanted, CLASSES)
    assert [str(p.relative_to(outputs.folder)) for p in made] == [
        'coco.json', 'cvat.xml', 'yolo/data.yaml',
    ]  # fmt: skip
    document = json.loads(made[0].read_text())
    assert [one['file_name'] for one in document['images']] == ['a.jpg', 'sub/b.jpg']
    ids = [one['id'] for one in document['annotations']]
    assert ids == list(range(1, len(ids) + 1))
    for number in (1, 2):
        part = [one for one in document['annotations'] if one['image_id'] == number]
        text = json.dumps(document | dict(annotations=part))
        labels = random_labels(number - 1)
        assert np.array_equal(read_coco(text, labels.shape, CLASSES), labels)
    root = ElementTree.parse(made[1]).getroot()
    found = [(one.get('id'), one.get('name')) for one in root.iter('image')]
    assert found == [('0', 'a.jpg'), ('1', 'sub/b.jpg')]
    assert [one.text for one in root.iter('name')] == list(CLASSES[1:])
    assert made[2].read_text().splitlines()[2] == '  1: "car & <van>"'
    for name in ('a', 'sub/b'):
        file = outputs.path('labelme', name)
        path = json.loads(file.read_text())['imagePath']
        assert (file.parent / path).resolve() == picture


def test_a_prediction_names_a_picture_like_its_file(tmp_path: Path) -> None:
    labels = random_labels(1)
    result = Segmentation(np.zeros((*labels.shape, 3), np.uint8), labels, CLASSES, [(0, 0, 0)] * 4)
    assert json.loads(result.save(tmp_path / 'x', 'labelme').read_text())['imagePath'] == 'x.png'
    saved = result.save(tmp_path / 'x.xml', 'cvat', picture='y.jpg').read_text()
    assert 'name="y.jpg"' in saved


def test_a_picture_called_video_is_not_left_out(tmp_path: Path) -> None:
    """Films have a ``video.json`` beside their frames, which is no annotation."""
    outputs = Outputs(tmp_path, ['coco', 'cvat'], {})
    labels = random_labels(0)
    result = Segmentation(np.zeros((*labels.shape, 3), np.uint8), labels, CLASSES, [(0, 0, 0)] * 4)
    path = tmp_path / 'video.jpg'
    path.touch()
    source = source_of(path)
    outputs.write(Input(path, 'video'), outputs.encode('video', result, source), source)
    (tmp_path / 'coco/film').mkdir()
    (tmp_path / 'coco/film/video.json').write_text('{"frames": 0, "frames_per_second": 5}')
    join(tmp_path, outputs.wanted, CLASSES)
    (image,) = json.loads((tmp_path / 'coco.json').read_text())['images']
    assert image['file_name'] == 'video.jpg'


@pytest.mark.parametrize('name', ['caf\udce9.jpg', 'a\x01b.jpg', '\ufffe.jpg'])
def test_names_that_no_xml_may_hold(name: str) -> None:
    text = joined_cvat([cvat_text(random_labels(0), CLASSES, name)])
    (image,) = ElementTree.fromstring(text.encode()).iter('image')
    assert image.get('name') == re.sub('[^a-z.]', '?', name)


def test_any_name_of_a_class_comes_back_from_yaml(tmp_path: Path) -> None:
    names = ['\U0001f600', 'é', 'yes', '1', 'a: "b" # \\']
    (tmp_path / 'data.yaml').write_text(data_yaml(['background', *names]), encoding='utf-8')
    assert read_names(tmp_path / 'data.yaml') == names
