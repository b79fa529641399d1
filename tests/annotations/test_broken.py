"""Broken annotations: one sentence each that names file and object, before anything is trained."""

import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tool_files import CAR, FIXTURES, H, W, coco_crowd, flat, labelme_polygons, picture

from mmdeeplab.cli.convert_annotations import main
from mmdeeplab.cli.new_config import main as new_config

Break = Callable[[Path], object]
CASES: list[tuple[str, str, Break, str]] = []


def case(kind: str, file: str, sentence: str) -> Callable[[Break], Break]:
    """Register what breaks a file of a fixture, and what is said of it."""

    def keep(change: Break) -> Break:
        CASES.append((kind, file, change, sentence))
        return change

    return keep


def in_json(kind: str, file: str, sentence: str) -> Callable[[Callable[[Any], object]], None]:
    """The same for what changes a JSON document."""

    def keep(change: Callable[[Any], object]) -> None:
        def write(path: Path) -> None:
            document = json.loads(path.read_text())
            change(document)
            path.write_text(json.dumps(document))

        CASES.append((kind, file, write, sentence))

    return keep


def in_text(kind: str, file: str, sentence: str, old: str, new: str) -> None:
    def write(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    CASES.append((kind, file, write, sentence))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


COCO = ('coco_crowd', 'crowd.json')
ENTITIES = '<!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">{}]><annotations>&a9;</annotations>'.format(
    ''.join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 50}">' for i in range(1, 10))
)
LABELME = ('labelme_polygons', 'a.json')
CVAT = ('cvat_images', 'annotations.xml')
STUDIO = ('label_studio_brush', 'tasks.json')
YOLO = ('yolo', 'labels/train/a.txt')
DATUMARO = ('datumaro', 'annotations/train.json')
SLY = ('supervisely', 'ds0/ann/a.png.json')

for one in (COCO, LABELME, STUDIO, DATUMARO, SLY):
    CASES.append((*one, cut, 'is no JSON, or cut off'))
    CASES.append((*one, lambda path: path.write_bytes(b''), 'is no JSON, or cut off'))
CASES.append((*CVAT, cut, 'is no XML, or cut off'))
CASES.append((*CVAT, lambda path: path.write_text('<html></html>'), 'is none of: COCO'))
CASES.append(('yolo', 'data.yaml', lambda path: path.write_text('names: [a'), 'is no YAML'))
CASES.append(('yolo', 'data.yaml', lambda p: p.write_text('names: [2024-02-30]'), 'is no YAML'))
CASES.append(
    (
        'yolo', 'images/train/a.png', lambda path: picture(path),
        'a.jpg and .*a.png would have one label file',
    )
)  # fmt: skip
CASES.append(
    ('coco_crowd', 'a.png', lambda path: path.unlink(), 'image 7: the picture a.png is missing')
)
CASES.append(
    (
        'coco_crowd', 'b.png', lambda path: picture(path, (H + 1, W)),
        f'image 8: it is {W} x {H} pixels large there, but .*b.png is {W} x {H + 1}',
    )
)  # fmt: skip
CASES.append(
    ('labelme_polygons', 'b.jpg', lambda path: path.write_bytes(b'<html>'), 'b.jpg is not a pict')
)
CASES.append(
    (
        'cvat_masks', 'SegmentationClass/a.png', lambda path: picture(path),
        r'which no class has',
    )
)  # fmt: skip
CASES.append(
    ('cvat_masks', 'labelmap.txt', lambda path: path.write_text('car;1;2;3'), 'line 1: .*R,G,B')
)


def change_first(key: str, value: object) -> Callable[[dict], None]:
    return lambda document: document['annotations'][0].__setitem__(key, value)


in_json(*COCO, 'there is no "categories"')(lambda d: d.pop('categories'))
in_json(*COCO, 'annotation 100: its category 77 is not')(change_first('category_id', 77))
in_json(*COCO, 'annotation 100: it belongs to the image 5, which')(change_first('image_id', 5))
in_json(*COCO, 'annotation 101: the id occurs twice')(change_first('id', 101))
in_json(*COCO, 'image 2: the id 7 occurs twice')(lambda d: d['images'][1].update(id=7))
in_json(*COCO, 'category 2: the id 10 occurs twice')(lambda d: d['categories'][1].update(id=10))
in_json(*COCO, 'the polygon has 2 points, three')(change_first('segmentation', [[1, 1, 5, 5]]))
in_json(*COCO, '5 numbers, x without y')(change_first('segmentation', [[1, 1, 5, 5, 9]]))
in_json(*COCO, 'has null among')(change_first('segmentation', [[1, 1, 5, 5, 9, None]]))
in_json(*COCO, 'NaN among')(change_first('segmentation', [[1, 1, 5, 5, 9, float('nan')]]))
in_json(*COCO, 'annotation 100: it has no segmentation')(change_first('segmentation', []))
in_json(*COCO, 'is a number|"image_id" is "7", not a whole number')(change_first('image_id', '7'))
in_json(*COCO, 'the RLE is of 9 x 9 pixels, the picture of 64 x 48')(
    change_first('segmentation', dict(size=[9, 9], counts=[81]))
)
in_json(*COCO, 'the RLE is of 5 pixels, not 3072')(
    change_first('segmentation', dict(size=[H, W], counts=[5]))
)
for text, words in (
    ('', 'the RLE is of 0 pixels, not 3072'),
    ('o0', 'the RLE is of 31 pixels, not 3072'),
    ('o', 'the RLE is cut off'),
    ('z', "the RLE is broken: it has the character 'z'"),
):
    in_json(*COCO, words)(change_first('segmentation', dict(size=[H, W], counts=text)))
in_json(*COCO, 'image 7: the picture is -1 x 48')(lambda d: d['images'][0].update(width=-1))
in_json(*COCO, r'shots/a.png is missing and of 1 others|the picture c.png is missing')(
    lambda d: d['images'][0].update(file_name='c.png')
)
in_json(*COCO, 'COCO without a segmentation')(
    lambda d: [one.pop('segmentation') for one in d['annotations']]
)
in_json(*LABELME, r'shape 1 \(road\): the polygon has 2 points')(
    lambda d: d['shapes'][0].update(points=[[1, 2], [3, 4]])
)
in_json(*LABELME, r'shape 2 \(car\): it lies outside of the picture of 64 x 48')(
    lambda d: d['shapes'][1].update(points=[[100, 100], [120, 100], [110, 130]])
)
in_json(*LABELME, "its shape_type 'spline' is not known")(
    lambda d: d['shapes'][0].update(shape_type='spline')
)
in_json(*LABELME, 'shape 3: there is no "label"')(lambda d: d['shapes'][2].pop('label'))
in_json(*LABELME, 'it is 100 x 48 pixels large there')(lambda d: d.update(imageWidth=100))
in_json(*LABELME, 'is annotated in .*b.json|is annotated in .*a.json')(
    lambda d: d.update(imagePath='b.jpg')
)
in_json(*LABELME, 'shape 1 .*: a circle has 2 points, this one 4')(
    lambda d: d['shapes'][0].update(shape_type='circle')
)
in_text(*CVAT, "label 'van' is not among those", 'polygon label="car"', 'polygon label="van"')
in_text(*CVAT, 'there is no xbr', ' xbr="50.00"', '')
in_text(*CVAT, "xtl is 'left', not a number", 'xtl="40.50"', 'xtl="left"')
in_text(*CVAT, r'mask 4 \(sign\): its mask covers', 'left="3"', 'left="60"')
in_text(*CVAT, r'mask 4 \(sign\): the RLE is of', 'rle="', 'rle="9, ')
in_text(*CVAT, 'these are tracks of a film', '</meta>', '</meta><track id="0"/>')
in_text(*CVAT, 'polygon 1 .*its coordinates', 'points="10', 'points="ten')
in_json(*STUDIO, r'task 1, region rroad \(road\): the RLE of the brush is cut off')(
    lambda d: d[0]['annotations'][0]['result'][0]['value'].update(rle=[0, 0, 48, 0, 57, 55, 55])
)
in_json(*STUDIO, 'it has no label')(
    lambda d: d[0]['annotations'][0]['result'][0]['value'].update(brushlabels=[])
)
in_json(*STUDIO, 'task 1: its data names no picture')(lambda d: d[0].update(data=dict(text='x')))
in_text(*CVAT, r'mask 4 \(sign\): its rle has nan among its runs', 'rle="', 'rle="nan, ')
in_text(*CVAT, "xtl is 'nan', which is not finite", 'xtl="40.50"', 'xtl="nan"')
for label in ('nan', 'inf', '0.5'):
    in_text(*YOLO, f'line 1: class {label} is not among the 3', '0 ', f'{label} ')
for number, words in ((float('nan'), 'NaN'), (10**400, '1000'), (-float('inf'), '-Infinity')):
    in_json(
        'label_studio_polygons', 'project-1-at-2026.json',
        rf'region rcar \(car\): "x" is {words}.*, which is not finite',
    )(lambda d, x=number: d[1]['annotations'][0]['result'][0]['value'].update(x=x))  # fmt: skip
in_text(*YOLO, r'line 1: class 3 is not among the 3', '0 ', '3 ')
in_text(*YOLO, r'line 1: the polygon reaches from', '0 0.0', '0 7.0')
CASES.append((*YOLO, lambda path: path.write_text('0 .5 .5 .2 .2'), 'line 1: this is a box'))
CASES.append((*YOLO, lambda path: path.write_text('0 .5 .5 .2 .2 .1 .1 .3'), 'x without y'))
CASES.append((*YOLO, lambda path: path.write_text('road .5 .5'), 'line 1: not a class and shares'))
CASES.append(
    (
        'yolo', 'labels/val/z.txt', lambda path: path.write_text('0 .1 .1 .2 .2 .3 .1'),
        'the picture val/z.* is missing',
    )
)  # fmt: skip
in_json(*LABELME, r'shape 2 \(car\): it reaches far outside of the picture')(
    lambda d: d['shapes'][1].update(points=[[1, 1], [1e9, 1], [1e9, 1e9]])
)
in_json(*COCO, r'annotation 100 \(car\): it reaches far outside')(
    change_first('segmentation', [[0, 0, 1e300, 0, 1e300, 1e300]])
)
in_json(*STUDIO, r'region rroad .*: the RLE is of 999999999 x 48 pixels')(
    lambda d: d[0]['annotations'][0]['result'][0].update(original_width=999999999)
)
in_text(*CVAT, r'mask 4 \(sign\): its mask covers', 'width="6"', 'width="99999999999"')
CASES.append((*COCO, lambda path: path.write_text('[' * 10**6), 'is nested too deeply'))
CASES.append((*CVAT, lambda path: path.write_text(ENTITIES), 'is no XML'))
in_json(*DATUMARO, 'item train1, annotation 1: its label 9 is not among the 2')(
    lambda d: d['items'][0]['annotations'][0].update(label_id=9)
)
in_json(*DATUMARO, 'item train1: the id occurs twice')(lambda d: d['items'].append(d['items'][0]))
in_json(*SLY, r'object 2 \(tree\): its bitmap is broken')(
    lambda d: d['objects'][1]['bitmap'].update(data='AAAA')
)
in_json(*SLY, r'object 2 \(tree\): its mask covers \(63, 30\)')(
    lambda d: d['objects'][1]['bitmap'].update(origin=[63, 30])
)


@pytest.mark.parametrize('number', range(len(CASES)))
def test_a_sentence_names_file_and_object(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, file, change, sentence = CASES[number]
    root, out = tmp_path / 'data', tmp_path / 'out'
    root.mkdir()
    FIXTURES[kind][0](root)
    change(root / file)
    assert main([str(root), '--out', str(out)]) == 2
    told = capsys.readouterr().err
    assert told.count('error: ') == 1
    assert len(told.strip().splitlines()) == 1
    assert Path(file).name in told
    assert re.search(sentence, told), told


@pytest.mark.parametrize(
    ('name', 'sentence'),
    [('new\nline', 'has an end of a line in it'), ('caf\udce9', 'is not UTF-8: rename the file')],
)
def test_names_that_no_list_may_hold(
    name: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FIXTURES['yolo'][0](tmp_path / 'data')
    (tmp_path / 'data/images/train/c.jpg').rename(tmp_path / f'data/images/train/{name}.jpg')
    assert main([str(tmp_path / 'data'), '--out', str(tmp_path / 'out')]) == 2
    assert sentence in capsys.readouterr().err


def test_there_are_forty() -> None:
    assert len(CASES) >= 40


def places(document: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of every value of a JSON document."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


@pytest.mark.parametrize('kind', FIXTURES)
def test_no_value_brings_a_traceback(kind: str, tmp_path: Path) -> None:
    """Values of every kind at random places of the files of every tool."""
    rng = random.Random(kind)
    root = tmp_path / 'data'
    root.mkdir()
    FIXTURES[kind][0](root)
    files = [path for path in sorted(root.rglob('*.*')) if path.suffix in ('.json', '.xml', '.txt')]
    for _ in range(12):
        file = rng.choice(files)
        before = file.read_bytes()
        if file.suffix == '.json':
            document = json.loads(before)
            *path, last = rng.choice(list(places(document)))
            parent = document
            for key in path:
                parent = parent[key]
            parent[last] = rng.choice(
                [None, -1, 'x', [], {}, 1e308, True, [None], 10**30, '\ud800']
            )
            file.write_text(json.dumps(document))
        else:
            at = rng.randrange(len(before))
            file.write_bytes(
                before[:at] + rng.choice([b'', b'-', b'<', b'\xff']) + before[at + 1 :]
            )
        assert main([str(root), '--out', str(tmp_path / 'out')]) in (0, 2)
        file.write_bytes(before)


def test_what_is_no_annotation_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of JSON or XML only, by both commands."""
    for name, text, words in (
        ('notes.json', '{"a": 1}', 'holds JSON (notes.json) that is none of: COCO'),
        ('a.xml', '<annotation><object/></annotation>', 'a.xml has the boxes of PASCAL VOC'),
    ):
        folder = tmp_path / name[:1]
        folder.mkdir()
        (folder / name).write_text(text)
        config = tmp_path / 'mine.py'
        assert main([str(folder), '--out', str(tmp_path / 'out')]) == 2
        assert words in capsys.readouterr().err
        assert new_config(['--data', str(folder), '--out', str(config)]) == 2
        assert words in capsys.readouterr().err
        assert not config.exists()
    assert main([str(tmp_path / 'out2'), '--out', str(tmp_path / 'out')]) == 2
    assert 'there is nothing at' in capsys.readouterr().err


def test_two_tools_in_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelme_polygons(tmp_path)
    coco_crowd(tmp_path)
    assert main([str(tmp_path), '--out', str(tmp_path / 'out')]) == 2
    assert 'annotations of labelme and COCO: name one' in capsys.readouterr().err
    assert main([str(tmp_path / 'crowd.json'), '--out', str(tmp_path / 'out')]) == 0


def test_pycocotools_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is needed, and only there."""
    monkeypatch.setitem(sys.modules, 'pycocotools', None)
    coco_crowd(tmp_path)
    command = [str(tmp_path), '--out', str(tmp_path / 'out')]
    assert main(command) == 0
    document = json.loads((tmp_path / 'crowd.json').read_text())
    document['annotations'][0]['segmentation'] = [flat(CAR)]
    (tmp_path / 'crowd.json').write_text(json.dumps(document))
    assert main(command) == 2
    assert "pip install 'mmdeeplab[annotations]'" in capsys.readouterr().err


def test_an_archive_is_to_be_unpacked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    packed = tmp_path / 'task.zip'
    packed.write_bytes(b'PK\x03\x04')
    for data in (packed, tmp_path):
        assert main([str(data), '--out', str(tmp_path / 'out')]) == 2
        told = capsys.readouterr().err
        assert 'task.zip' in told
        assert 'an archive: unpack it' in told
