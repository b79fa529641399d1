"""Folders as annotation tools write them, drawn by code, each with the masks that the tool sees.

Every function fills a folder with pictures and annotations and returns the truth by the picture's
name: ids in the order of the classes that the function is registered with. Truths are drawn by the
library that the tool itself draws with, called here directly.
"""

import base64
import io
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

H, W = 48, 64
Truth = dict[str, np.ndarray]
ROAD = [(2.5, 30.25), (60.0, 28.0), (63.5, 46.5), (5.0, 47.0)]
CAR = [(10.2, 20.1), (30.7, 18.4), (33.3, 36.6), (12.9, 39.0)]
HOLE = [(16.0, 24.0), (26.0, 24.0), (26.0, 32.0), (16.0, 32.0)]
TREE = [(40.5, 5.5), (55.2, 9.9), (50.0, 30.0), (38.8, 22.2)]
SHAPES = (('road', ROAD), ('car', CAR), ('tree', TREE))
FIXTURES: dict[str, tuple[Callable[[Path], Truth], tuple[str, ...]]] = {}


def fixture(
    *classes: str,
) -> Callable[[Callable[[Path], Truth]], Callable[[Path], Truth]]:
    """Register a function by its name, with the classes behind the background."""

    def keep(make: Callable[[Path], Truth]) -> Callable[[Path], Truth]:
        FIXTURES[make.__name__] = make, ('background', *classes)
        return make

    return keep


def picture(path: Path, size: tuple[int, int] = (H, W), **how: object) -> Path:
    """Noise, another one for each path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes('/'.join(path.parts[-3:]).encode())
    noise = np.random.default_rng(seed).integers(0, 255, (*size, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path, **how)
    return path


def write_json(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def flat(points: Sequence[tuple[float, float]]) -> list[float]:
    return [value for point in points for value in point]


def by_pycocotools(*rings: Sequence[tuple[float, float]]) -> np.ndarray:
    coco = pytest.importorskip('pycocotools.mask', reason='needs the extra annotations')
    runs = coco.frPyObjects([flat(ring) for ring in rings], H, W)
    return coco.decode(coco.merge(runs)).astype(bool)


def by_pillow(points: Sequence[tuple[float, float]], kind: str = 'polygon') -> np.ndarray:
    canvas = Image.new('L', (W, H))
    getattr(ImageDraw.Draw(canvas), kind)(points, outline=1, fill=1)
    return np.array(canvas, bool)


def by_opencv(points: np.ndarray) -> np.ndarray:
    canvas = np.zeros((H, W), np.uint8)
    cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    return canvas.astype(bool)


def layers(*masks: tuple[int, np.ndarray]) -> np.ndarray:
    """Ids, later ones over earlier ones."""
    labels = np.zeros((H, W), np.uint8)
    for label, mask in masks:
        labels[mask] = label
    return labels


def column_runs(mask: np.ndarray) -> list[int]:
    """COCO's counts, by a plain loop."""
    counts, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def coco_document(
    names: Sequence[str], annotations: Sequence[dict], categories: Sequence[str]
) -> dict:
    return dict(
        info=dict(description='drawn'),
        licenses=[],
        images=[dict(id=i, file_name=name, width=W, height=H) for i, name in enumerate(names, 7)],
        annotations=[
            dict(id=i, iscrowd=0, area=1.0, bbox=[0, 0, 1, 1]) | one
            for i, one in enumerate(annotations, 100)
        ],
        categories=[
            dict(id=10 * i, name=name, supercategory='thing')
            for i, name in enumerate(categories, 1)
        ],
    )


@fixture('road', 'car', 'tree')
def coco_polygons(root: Path) -> Truth:
    """Several parts, an object over another, a picture without any; classes by their ids."""
    for name in ('a.jpg', 'b.jpg'):
        picture(root / 'images' / name)
    annotations = [
        dict(image_id=7, category_id=10, segmentation=[flat(ROAD)]),
        dict(image_id=7, category_id=20, segmentation=[flat(CAR), flat(TREE)]),
    ]
    document = coco_document(['a.jpg', 'b.jpg'], annotations, ['road', 'car', 'tree'])
    document['categories'].reverse()
    write_json(root / 'annotations/instances_default.json', document)
    first = layers((1, by_pycocotools(ROAD)), (2, by_pycocotools(CAR, TREE)))
    return dict(a=first, b=np.zeros((H, W), np.uint8))


@fixture('road', 'car')
def coco_crowd(root: Path) -> Truth:
    """A crowd in uncompressed RLE that comes last, and lies below all the same."""
    for name in ('a.png', 'b.png'):
        picture(root / name)
    car = np.zeros((H, W), bool)
    car[10:20, 5:30] = True
    crowd = np.zeros((H, W), bool)
    crowd[0:30, 20:64] = True
    crowd[47, 63] = True
    annotations = [
        dict(image_id=7, category_id=20, segmentation=dict(size=[H, W], counts=column_runs(car))),
        dict(
            image_id=7, category_id=10, iscrowd=1,
            segmentation=dict(size=[H, W], counts=column_runs(crowd)),
        ),
    ]  # fmt: skip
    write_json(root / 'crowd.json', coco_document(['a.png', 'b.png'], annotations, ['road', 'car']))
    return dict(a=layers((1, crowd), (2, car)), b=np.zeros((H, W), np.uint8))


@fixture('road', 'car')
def coco_compressed(root: Path) -> Truth:
    """COCO's text for RLE, with a hole."""
    coco = pytest.importorskip('pycocotools.mask', reason='needs the extra annotations')
    for name in ('a.png', 'b.png'):
        picture(root / name)
    car = by_pycocotools(CAR) & ~by_pycocotools(HOLE)
    counts = coco.encode(np.asfortranarray(car.astype(np.uint8)))['counts'].decode()
    annotations = [dict(image_id=8, category_id=20, segmentation=dict(size=[H, W], counts=counts))]
    write_json(root / 'rle.json', coco_document(['a.png', 'b.png'], annotations, ['road', 'car']))
    return dict(a=np.zeros((H, W), np.uint8), b=layers((2, car)))


@fixture('car', 'road')
def roboflow_coco(root: Path) -> Truth:
    """A file in each of train and valid, and Roboflow's category of categories."""
    truth = {}
    for split in ('train', 'valid'):
        picture(root / split / 'street_jpg.rf.0123.jpg')
        annotations = [dict(image_id=7, category_id=20, segmentation=[flat(ROAD)])]
        document = coco_document(['street_jpg.rf.0123.jpg'], annotations, ['car', 'road'])
        document['categories'].insert(0, dict(id=0, name='things', supercategory='none'))
        for category in document['categories'][1:]:
            category['supercategory'] = 'things'
        write_json(root / split / '_annotations.coco.json', document)
        truth[f'{split}/street_jpg.rf.0123'] = layers((2, by_pycocotools(ROAD)))
    return truth


def labelme_document(name: str, shapes: Sequence[dict]) -> dict:
    blank = dict(group_id=None, description='', flags={}, mask=None)
    return dict(
        version='5.5.0', flags={}, shapes=[blank | shape for shape in shapes], imagePath=name,
        imageData=None, imageHeight=H, imageWidth=W,
    )  # fmt: skip


@fixture('car', 'road', 'tree')
def labelme_polygons(root: Path) -> Truth:
    """A file beside each picture; one picture is not annotated."""
    truth = {}
    for name in ('a', 'b', 'c'):
        picture(root / f'{name}.jpg')
    for name in ('a', 'b'):
        shapes = [
            dict(label=label, points=points, shape_type='polygon') for label, points in SHAPES
        ]
        shapes.append(dict(label='car', points=[[1, 2], [5, 9]], shape_type='line'))
        write_json(root / f'{name}.json', labelme_document(f'{name}.jpg', shapes))
        ids = dict(car=1, road=2, tree=3)
        truth[name] = layers(*((ids[label], by_pillow(points)) for label, points in SHAPES))
    return truth


@fixture('box', 'disk', 'blob')
def labelme_shapes(root: Path) -> Truth:
    """Rectangle, circle and mask; pictures in a folder of their own, names in ``labels.txt``."""
    blob = np.zeros((7, 9), bool)
    blob[1:6, 2:8] = blob[0, 0] = True
    stream = io.BytesIO()
    Image.fromarray((blob * 255).astype(np.uint8)).save(stream, 'PNG')
    shapes = [
        dict(label='box', points=[[20.0, 12.0], [3.0, 30.0]], shape_type='rectangle'),
        dict(label='disk', points=[[40.0, 20.0], [48.0, 20.0]], shape_type='circle'),
        dict(
            label='blob', points=[[50.0, 40.0], [58.0, 46.0]], shape_type='mask',
            mask=base64.b64encode(stream.getvalue()).decode(),
        ),
        dict(label='__ignore__', points=TREE, shape_type='polygon'),
    ]  # fmt: skip
    whole = np.zeros((H, W), bool)
    whole[40:47, 50:59] = blob
    labels = layers(
        (1, by_pillow([(3.0, 12.0), (20.0, 30.0)], 'rectangle')),
        (2, by_pillow([(32.0, 12.0), (48.0, 28.0)], 'ellipse')),
        (3, whole),
        (255, by_pillow(TREE)),
    )
    for name in ('a', 'b'):
        picture(root / 'pictures' / f'{name}.png')
        document = labelme_document(f'..\\pictures\\{name}.png', shapes)
        write_json(root / 'json' / f'{name}.json', document)
    (root / 'labels.txt').write_text('__ignore__\n_background_\nbox\ndisk\nblob\n')
    FIXTURES['labelme_shapes'] = labelme_shapes, ('_background_', 'box', 'disk', 'blob')
    return dict(a=labels, b=labels)


def cvat_xml(images: Sequence[str], labels: Sequence[str]) -> str:
    names = ''.join(f'<label><name>{name}</name><attributes/></label>' for name in labels)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task>'
        f'<id>1</id><labels>{names}</labels></task></meta>{"".join(images)}</annotations>'
    )


def cvat_points(points: Sequence[tuple[float, float]]) -> str:
    return ';'.join(f'{x:.2f},{y:.2f}' for x, y in points)


@fixture('road', 'car', 'sign')
def cvat_images(root: Path) -> Truth:
    """Polygon, box and mask; the one that comes first lies above by its ``z_order``."""
    sign = np.zeros((4, 6), bool)
    sign[1:3, 1:5] = sign[3, 5] = True
    runs = ', '.join(map(str, column_runs(sign.T)))
    shapes = (
        f'<polygon label="car" source="manual" occluded="0" points="{cvat_points(CAR)}" '
        'z_order="2"><attribute name="x">1</attribute></polygon>'
        f'<polygon label="road" occluded="0" points="{cvat_points(ROAD)}" z_order="0"/>'
        '<box label="car" occluded="0" xtl="40.50" ytl="2.25" xbr="50.00" ybr="9.75" z_order="0"/>'
        f'<mask label="sign" rle="{runs}" left="3" top="5" width="6" height="4" z_order="1"/>'
        '<polyline label="road" points="1,1;2,2" z_order="0"/><tag label="car"/>'
    )
    images = [
        f'<image id="{i}" name="{name}" width="{W}" height="{H}">{shapes if i else ""}</image>'
        for i, name in enumerate(('one/a.png', 'two/a.png'))
    ]
    (root / 'annotations.xml').write_text(cvat_xml(images, ['road', 'car', 'sign']))
    for name in ('one', 'two'):
        picture(root / 'images' / name / 'a.png')
    whole = np.zeros((H, W), bool)
    whole[5:9, 3:9] = sign
    box = [(40.5, 2.25), (50.0, 2.25), (50.0, 9.75), (40.5, 9.75)]
    second = layers(
        (1, by_pycocotools(ROAD)), (2, by_pycocotools(box)), (3, whole), (2, by_pycocotools(CAR))
    )
    return {'one/a': np.zeros((H, W), np.uint8), 'two/a': second}


@fixture('car', 'road')
def cvat_masks(root: Path) -> Truth:
    """Masks in the colours of ``labelmap.txt``, in VOC's folders."""
    (root / 'SegmentationClass').mkdir(parents=True)
    lines = [
        '# label:color_rgb:parts:actions',
        'background:0,0,0::',
        'car:250,50,83::',
        'road:51,221,255::',
    ]
    (root / 'labelmap.txt').write_text('\n'.join(lines) + '\n')
    colours = np.array([(0, 0, 0), (250, 50, 83), (51, 221, 255)], np.uint8)
    truth = {}
    for i, name in enumerate(('a', 'b')):
        picture(root / 'JPEGImages' / f'{name}.png')
        truth[name] = np.random.default_rng(i).integers(0, 3, (H, W)).astype(np.uint8)
        Image.fromarray(colours[truth[name]]).save(root / f'SegmentationClass/{name}.png')
    lists = root / 'ImageSets/Segmentation'
    lists.mkdir(parents=True)
    (lists / 'default.txt').write_text('a\nb\n')
    return truth


def task(number: int, name: str, results: Sequence[dict], **more: object) -> dict:
    done = dict(id=number, was_cancelled=False, updated_at='2026-01-02', result=list(results))
    return dict(id=number, data=dict(image=name), annotations=[done], predictions=[]) | more


def region(kind: str, label: str, **value: object) -> dict:
    return dict(
        id=f'r{label}', type=kind, from_name='label', to_name='image', original_width=W,
        original_height=H, image_rotation=0, value={kind: [label], 'rotation': 0} | value,
    )  # fmt: skip


@fixture('car', 'road')
def label_studio_polygons(root: Path) -> Truth:
    """Uploaded and local files; a task that nobody did, and a cancelled annotation."""
    percent = {
        label: [[100 * x / W, 100 * y / H] for x, y in points] for label, points in SHAPES[:2]
    }
    results = [
        region('polygonlabels', label, points=points, closed=True)
        for label, points in percent.items()
    ]
    old = dict(id=9, was_cancelled=True, updated_at='2027', result=[])
    first = task(1, '/data/upload/1/0a1b2c3d-a%20b.png', results)
    first['annotations'].insert(0, old)
    box = region('rectanglelabels', 'car', x=25.0, y=25.0, width=50.0, height=25.0)
    tasks = [
        first,
        task(2, '/data/local-files/?d=shots/b.png', [box]),
        task(3, 'https://example.org/shots/c.png?token=1', [], annotations=[]),
    ]
    write_json(root / 'project-1-at-2026.json', tasks)
    picture(root / 'a b.png')
    picture(root / 'shots/b.png')
    corners = [(16.0, 12.0), (48.0, 12.0), (48.0, 24.0), (16.0, 24.0)]
    truth = layers((2, by_pycocotools(ROAD)), (1, by_pycocotools(CAR)))
    return {'a b': truth, 'shots/b': layers((1, by_pycocotools(corners)))}


def brush_bytes(mask: np.ndarray) -> list[int]:
    """Label Studio's RLE of RGBA: runs of equal bytes, and pieces of different ones."""
    values = np.zeros((*mask.shape, 4), np.uint8)
    values[mask] = (255, 255, 255, 255)
    data = values.ravel().tolist()
    bits = f'{len(data):032b}' + f'{7:05b}' + ''.join(f'{w - 1:04b}' for w in (3, 4, 8, 16))
    at = 0
    while at < len(data):
        end = at
        while end < len(data) and data[end] == data[at] and end - at < 2**16:
            end += 1
        if end - at > 1:
            length = end - at - 1
            size = next(i for i, w in enumerate((3, 4, 8, 16)) if length < 2**w)
            bits += f'1{size:02b}{length:0{(3, 4, 8, 16)[size]}b}{data[at]:08b}'
        else:
            end = min(at + 3, len(data))
            bits += f'000{end - at - 1:03b}' + ''.join(f'{value:08b}' for value in data[at:end])
        at = end
    bits += '0' * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


@fixture('car', 'road')
def label_studio_brush(root: Path) -> Truth:
    """Brushes in Label Studio's own RLE."""
    rng = np.random.default_rng(3)
    car = cv2.GaussianBlur(rng.normal(size=(H, W)), (0, 0), 3) > 0
    road = np.zeros((H, W), bool)
    road[30:, ::7] = road[0, 0] = road[-1, -1] = True
    results = [
        region('brushlabels', 'road', format='rle', rle=brush_bytes(road)),
        region('brushlabels', 'car', format='rle', rle=brush_bytes(car)),
    ]
    write_json(root / 'tasks.json', [task(1, 'a.png', results), task(2, 'b.png', [])])
    for name in ('a.png', 'b.png'):
        picture(root / name)
    return dict(a=layers((2, road), (1, car)), b=np.zeros((H, W), np.uint8))


def yolo_line(label: int, points: Sequence[tuple[float, float]]) -> str:
    return ' '.join([str(label), *(f'{v:.6f}' for x, y in points for v in (x / W, y / H))])


def by_ultralytics(points: Sequence[tuple[float, float]]) -> np.ndarray:
    shares = np.array(yolo_line(0, points).split()[1:], np.float32).reshape(-1, 2)
    return by_opencv(shares * np.array([W, H], np.float32))


@fixture('road', 'car', 'tree')
def yolo(root: Path) -> Truth:
    """``images`` and ``labels`` with train and val; a picture without labels has no objects."""
    for name in ('train/a', 'train/c', 'val/b'):
        picture(root / f'images/{name}.jpg')
    for name in ('train/a', 'val/b'):
        (root / f'labels/{name}.txt').parent.mkdir(parents=True, exist_ok=True)
        lines = [yolo_line(i, points) for i, (_, points) in enumerate(SHAPES)]
        (root / f'labels/{name}.txt').write_text('\n'.join(lines) + '\n')
    (root / 'data.yaml').write_text(
        'path: .\ntrain: images/train\nval: images/val\nnames:\n  0: road\n  1: car\n  2: tree\n'
    )
    labels = layers(*((i, by_ultralytics(points)) for i, (_, points) in enumerate(SHAPES, 1)))
    return {'train/a': labels, 'train/c': np.zeros((H, W), np.uint8), 'val/b': labels}


@fixture('road', 'car')
def roboflow_yolo(root: Path) -> Truth:
    """``train/images``, ``train/labels``, ``valid/...``; names as a list."""
    truth = {}
    for split in ('train', 'valid'):
        picture(root / f'{split}/images/x.jpg')
        (root / f'{split}/labels').mkdir()
        (root / f'{split}/labels/x.txt').write_text(yolo_line(1, CAR))
        truth[f'{split}/images/x'] = layers((2, by_ultralytics(CAR)))
    (root / 'data.yaml').write_text(
        "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['road', 'car']\n"
    )
    return truth


@fixture('road', 'car')
def datumaro(root: Path) -> Truth:
    """Polygons with ``z_order``, a mask in RLE, subsets by file."""
    coco = pytest.importorskip('pycocotools.mask', reason='needs the extra annotations')
    car = np.zeros((H, W), bool)
    car[5:9, 10:20] = True
    labels = [dict(name=name, parent='', attributes=[]) for name in ('road', 'car')]
    for subset in ('train', 'val'):
        picture(root / f'images/{subset}/{subset}1.jpg')
        shared = dict(id=0, attributes=dict(occluded=False), group=0)
        polygon = shared | dict(type='polygon', label_id=1, points=flat(CAR), z_order=1)
        below = shared | dict(type='polygon', label_id=0, points=flat(ROAD), z_order=0)
        rle = dict(
            counts=coco.encode(np.asfortranarray(car.astype(np.uint8)))['counts'].decode(),
            size=[H, W],
        )
        mask = shared | dict(type='mask', label_id=1, z_order=0, rle=rle)
        item = dict(
            id=f'{subset}1', attr={}, annotations=[polygon, below, mask],
            image=dict(path=f'{subset}1.jpg', size=[H, W]),
        )  # fmt: skip
        categories = dict(label=dict(label_groups=[], labels=labels, attributes=[]))
        document = dict(
            dm_format_version='1.0', media_type=2, infos={}, categories=categories, items=[item]
        )
        write_json(root / f'annotations/{subset}.json', document)
    truth = layers((1, by_pycocotools(ROAD)), (2, car), (2, by_pycocotools(CAR)))
    return {'train/train1': truth, 'val/val1': truth}


@fixture('tree', 'car')
def supervisely(root: Path) -> Truth:
    """A polygon with a hole, and a bitmap in compressed PNG; classes in ``meta.json``."""
    blob = np.zeros((6, 5), bool)
    blob[1:, 2:] = True
    stream = io.BytesIO()
    Image.fromarray((blob * 255).astype(np.uint8)).save(stream, 'PNG')
    bitmap = base64.b64encode(zlib.compress(stream.getvalue())).decode()
    whole = [(int(x), int(y)) for x, y in CAR]
    objects = [
        dict(
            id=1, classTitle='car', geometryType='polygon',
            points=dict(exterior=whole, interior=[HOLE]),
        ),
        dict(
            id=2, classTitle='tree', geometryType='bitmap',
            bitmap=dict(data=bitmap, origin=[40, 30]),
        ),
    ]  # fmt: skip
    titles = [dict(title='tree', shape='bitmap'), dict(title='car', shape='polygon')]
    write_json(root / 'meta.json', dict(classes=titles, tags=[], projectType='images'))
    for name in ('a.png', 'b.png'):
        picture(root / 'ds0/img' / name)
        document = dict(description='', tags=[], size=dict(height=H, width=W), objects=objects)
        write_json(root / f'ds0/ann/{name}.json', document)
    outer = np.zeros((H, W), np.uint8)
    cv2.fillPoly(outer, [np.array(whole, np.int32)], 1)
    cv2.fillPoly(outer, [np.array(HOLE, np.int32)], 0)
    placed = np.zeros((H, W), bool)
    placed[30:36, 40:45] = blob
    labels = layers((2, outer.astype(bool)), (1, placed))
    return dict(a=labels, b=labels)
