"""From annotations to a config: splits, classes, turned pictures, and masks that are kept."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image, ImageDraw, ImageOps
from tool_files import (
    CAR,
    FIXTURES,
    ROAD,
    SHAPES,
    H,
    W,
    by_pillow,
    by_pycocotools,
    coco_crowd,
    coco_document,
    cvat_masks,
    flat,
    label_studio_polygons,
    labelme_document,
    labelme_polygons,
    picture,
    region,
    task,
    write_json,
    yolo,
)

from mmdeeplab.cli.convert_annotations import main
from mmdeeplab.cli.new_config import main as new_config
from mmdeeplab.inference.annotations.files import join
from mmdeeplab.inference.inputs import Input
from mmdeeplab.inference.outputs import Outputs, source_of
from mmdeeplab.inference.save_formats import ANNOTATIONS
from mmdeeplab.inference.segmentation import Segmentation

ORIENTATION = 0x0112


def mask(out: Path, name: str) -> np.ndarray:
    return np.array(Image.open(out / 'SegmentationClass' / f'{name}.png'))


@pytest.mark.parametrize('name', FIXTURES)
def test_a_config_from_every_format(name: str, tmp_path: Path) -> None:
    """Checked like all data, and read by the data set."""
    from mmengine.registry import init_default_scope
    from mmseg.registry import DATASETS

    root, out = tmp_path / 'data', tmp_path / 'mine.py'
    root.mkdir()
    truth = FIXTURES[name][0](root)
    assert new_config(['--data', str(root), '--out', str(out)]) == 0
    cfg = Config.fromfile(out)
    init_default_scope('mmseg')
    seen = {}
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        dataset = DATASETS.build(loader.dataset)
        assert list(dataset.metainfo['classes']) == list(FIXTURES[name][1])
        for one in dataset.load_data_list():
            path = Path(one['seg_map_path'])
            picture_id = str(path).partition('/SegmentationClass/')[2].removesuffix('.png')
            seen[picture_id] = np.array(Image.open(path))
    assert seen.keys() == truth.keys()
    for one, labels in truth.items():
        assert np.array_equal(seen[one], labels)


def test_splits_are_those_of_the_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / 'data'
    root.mkdir()
    yolo(root)
    assert main([str(root), '--out', str(tmp_path / 'out')]) == 0
    lists = tmp_path / 'out/ImageSets/Segmentation'
    assert (lists / 'train.txt').read_text().split() == ['train/a', 'train/c']
    assert (lists / 'val.txt').read_text().split() == ['val/b']
    assert new_config(['--data', str(root), '--out', str(tmp_path / 'mine.py')]) == 0
    assert 'YOLO annotations, lists by their files' in capsys.readouterr().out


def test_a_file_is_enough(tmp_path: Path) -> None:
    root = tmp_path / 'data'
    root.mkdir()
    coco_crowd(root)
    (root / 'other.json').write_text('{"broken')
    out = tmp_path / 'mine.py'
    assert new_config(['--data', str(root / 'crowd.json'), '--out', str(out)]) == 0
    assert out.exists()


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('upright', [True, False])
def test_turned_pictures(orientation: int, upright: bool, tmp_path: Path) -> None:
    """Sizes of the upright picture, as tools show it, or of the stored one where only that fits."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for name in ('a', 'b'):
        picture(tmp_path / f'{name}.jpg', exif=exif)
        shown = ImageOps.exif_transpose(Image.open(tmp_path / f'{name}.jpg')).size
        document = labelme_document(
            f'{name}.jpg', [dict(label='car', points=CAR, shape_type='polygon')]
        )
        size = shown if upright else (W, H)
        document |= dict(imageWidth=size[0], imageHeight=size[1])
        write_json(tmp_path / f'{name}.json', document)
    assert main([str(tmp_path), '--out', str(tmp_path / 'out')]) == 0
    canvas = Image.new('L', size)
    ImageDraw.Draw(canvas).polygon(CAR, outline=1, fill=1)
    if size != shown:
        canvas.getexif()[ORIENTATION] = orientation
        canvas = ImageOps.exif_transpose(canvas)
    assert canvas.size == shown
    assert np.array_equal(mask(tmp_path / 'out', 'a'), np.array(canvas))


def test_masks_are_painted_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / 'data', tmp_path / 'out'
    root.mkdir()
    labelme_polygons(root)

    def convert(*options: str) -> str:
        assert main([str(root), '--out', str(out), *options]) == 0
        return capsys.readouterr().out

    assert '2 masks written' in convert()
    before = (out / 'SegmentationClass/b.png').stat().st_mtime_ns
    time.sleep(0.01)
    assert ' 0 masks written' in convert()
    document = json.loads((root / 'a.json').read_text())
    document['shapes'] = document['shapes'][:1]
    write_json(root / 'a.json', document)
    assert ' 1 masks written' in convert()
    assert np.array_equal(mask(out, 'a'), by_pillow(ROAD) * np.uint8(2))  # car is still a class
    assert (out / 'SegmentationClass/b.png').stat().st_mtime_ns == before
    (out / 'SegmentationClass/b.png').write_bytes(b'')
    assert ' 1 masks written' in convert()
    assert '2 masks written' in convert('--classes', 'tree,background,road,car')
    (root / 'a.json').unlink()
    assert ' 0 masks written' in convert('--classes', 'tree,background,road,car')
    assert [path.name for path in (out / 'SegmentationClass').iterdir()] == ['b.png']


def test_a_config_made_anew_keeps_the_masks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with everything in one folder: what was written is no source."""
    labelme_polygons(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert new_config(['--data', '.', '--out', 'mine.py']) == 0
    assert '2 masks written' in capsys.readouterr().out
    assert new_config(['--data', '.', '--out', 'mine.py', '--force']) == 0
    assert ' 0 masks written' in capsys.readouterr().out


def test_classes_and_what_nobody_annotated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / 'data', tmp_path / 'out'
    root.mkdir()
    labelme_polygons(root)
    command = [str(root), '--out', str(out)]
    plain = np.zeros((H, W), np.uint8)
    for label, points in SHAPES:
        plain[by_pillow(points)] = dict(background=1, tree=0, road=2, car=3)[label]
    drawn = np.logical_or.reduce([by_pillow(points) for _, points in SHAPES])
    plain[~drawn] = 1
    assert main([*command, '--classes', 'tree,background,road,car']) == 0
    assert np.array_equal(mask(out, 'a'), plain)
    assert main([*command, '--unlabelled', 'void']) == 0
    assert (out / 'classes.txt').read_text().split() == ['car', 'road', 'tree']
    assert np.array_equal(mask(out, 'a') == 255, ~drawn)
    capsys.readouterr()
    for classes, words in (
        ('road,car,tree', '--classes background,road,car,tree'),
        ('background,road,cat,tree', "its class 'car' is not among --classes .* mean cat"),
        ('background,road,road', 'each name stands there once'),
    ):
        assert main([*command, '--classes', classes]) == 2
        assert re.search(words, capsys.readouterr().err)


def test_the_background_has_one_id_in_all_its_spellings(tmp_path: Path) -> None:
    shapes = [
        dict(label='background', shape_type='polygon', points=ROAD),
        dict(label='bg', shape_type='polygon', points=CAR),
    ]
    picture(tmp_path / 'data/a.jpg')
    write_json(tmp_path / 'data/a.json', labelme_document('a.jpg', shapes))
    out = tmp_path / 'out'
    assert main([str(tmp_path / 'data'), '--out', str(out), '--unlabelled', 'void']) == 0
    drawn = by_pillow(ROAD) | by_pillow(CAR)
    assert np.array_equal(mask(out, 'a'), np.where(drawn, 0, 255))


def test_a_class_may_bear_the_name_of_its_own_group(tmp_path: Path) -> None:
    """As COCO's person, which has the supercategory person; a picture need not show one."""
    picture(tmp_path / 'data/a.jpg')
    polygon = dict(image_id=7, category_id=20, segmentation=[[1, 1, 9, 1, 9, 9]])
    document = coco_document(['a.jpg'], [polygon], ['person', 'car'])
    document['categories'][0]['supercategory'] = 'person'
    write_json(tmp_path / 'data/a.json', document)
    out = tmp_path / 'out'
    assert main([str(tmp_path / 'data'), '--out', str(out)]) == 0
    assert (out / 'classes.txt').read_text().split() == ['background', 'person', 'car']
    assert mask(out, 'a').max() == 2


def test_polygons_without_points_are_no_objects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some tools keep the polygons whose points were all erased."""
    picture(tmp_path / 'data/a.jpg')
    objects = [
        dict(image_id=7, category_id=10, segmentation=[[]]),
        dict(image_id=7, category_id=20, segmentation=[[], flat(CAR), []]),
    ]
    write_json(tmp_path / 'data/a.json', coco_document(['a.jpg'], objects, ['road', 'car']))
    out = tmp_path / 'out'
    assert main([str(tmp_path / 'data'), '--out', str(out)]) == 0
    assert np.array_equal(mask(out, 'a'), 2 * by_pycocotools(CAR))
    assert 'left out: objects of COCO with an empty outline (1)' in capsys.readouterr().out


def test_the_newest_annotation_of_a_task_counts(tmp_path: Path) -> None:
    """One without a date is older than all with one."""
    label_studio_polygons(tmp_path / 'data')
    path = tmp_path / 'data/project-1-at-2026.json'
    tasks = json.loads(path.read_text())
    for undated in ({}, dict(updated_at=None), dict(created_at='2025-12-31T23:59')):
        older = dict(id=3, was_cancelled=False, result=[]) | undated
        tasks[1]['annotations'] += [older]
    write_json(path, tasks)
    out = tmp_path / 'out'
    assert main([str(tmp_path / 'data'), '--out', str(out)]) == 0
    assert mask(out, 'shots/b').any()


def test_two_folders_of_yolo_are_both_read(tmp_path: Path) -> None:
    for folder in ('north', 'south'):
        yolo(tmp_path / 'data' / folder)
    yolo(tmp_path / 'data/south/nested')  # below a data.yaml: read once
    out = tmp_path / 'out'
    assert main([str(tmp_path / 'data'), '--out', str(out)]) == 0
    names = {str(p.relative_to(out / 'SegmentationClass')) for p in out.rglob('*.png')}
    pictures = [*(tmp_path / 'data').rglob('*.jpg')]
    assert len(names) == len(pictures) == 9


def test_missing_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco_crowd(tmp_path)
    (tmp_path / 'b.png').unlink()
    command = [str(tmp_path), '--out', str(tmp_path / 'out')]
    assert main(command) == 2
    assert '--skip-missing' in capsys.readouterr().err
    assert main([*command, '--skip-missing']) == 0
    assert 'left out: pictures that are missing (1)' in capsys.readouterr().out
    (tmp_path / 'a.png').unlink()
    assert main([*command, '--skip-missing']) == 2
    assert 'a.png is missing and of 1 others: put it' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('stored', 'named'),
    [('A.PNG', 'A.png'), ('fu\u0308r.png', 'f\u00fcr.png'), ('B/b.png', 'c:\\d\\b\\B.png')],
)
def test_names_as_windows_and_macos_compare_them(stored: str, named: str, tmp_path: Path) -> None:
    picture(tmp_path / 'shots' / stored)
    picture(tmp_path / 'shots/other.png')
    region = dict(size=[H, W], counts=[0, H * W])
    annotation = dict(image_id=7, category_id=10, segmentation=region)
    write_json(tmp_path / 'coco.json', coco_document([named], [annotation], ['road']))
    assert main([str(tmp_path), '--out', str(tmp_path / 'out')]) == 0
    (path,) = (tmp_path / 'out/SegmentationClass').rglob('*.png')
    assert path.stem == Path(stored).stem
    assert (np.array(Image.open(path)) == 1).all()


def test_yolo_labels_beside_other_texts(tmp_path: Path) -> None:
    root = tmp_path / 'data'
    truth = yolo(root)
    (root / 'labels/train/classes.txt').write_text('road\ncar\n')  # as labelImg writes it
    label = root / 'labels/train/a.txt'
    label.with_stem('fu\u0308r').write_text(label.read_text())
    picture(root / 'images/train/f\u00fcr.jpg')
    assert main([str(root), '--out', str(tmp_path / 'out')]) == 0
    assert len([*(tmp_path / 'out').rglob('*.png')]) == len(truth) + 1
    assert np.array_equal(mask(tmp_path / 'out', 'train/f\u00fcr'), truth['train/a'])


def test_two_pictures_of_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / 'data'
    for folder in ('one', 'two'):
        picture(root / folder / 'a.png')
        picture(root / folder / 'b.png')
    coco_crowd(root)
    (root / 'a.png').unlink()
    assert main([str(root), '--out', str(tmp_path / 'out')]) == 2
    assert 'which picture is a.png? one/a.png and two/a.png' in capsys.readouterr().err


def test_colours_of_voc(tmp_path: Path) -> None:
    """Datumaro leaves the colours out where they are VOC's."""
    root = tmp_path / 'data'
    root.mkdir()
    cvat_masks(root)
    (root / 'labelmap.txt').write_text('background:::\ncar:::\n')
    pixels = np.zeros((H, W, 3), np.uint8)
    pixels[5:, 9:] = (128, 0, 0)
    for name in ('a', 'b'):
        Image.fromarray(pixels).save(root / f'SegmentationClass/{name}.png')
    assert main([str(root), '--out', str(tmp_path / 'out')]) == 0
    assert np.array_equal(mask(tmp_path / 'out', 'a'), pixels[..., 0] // 128)


def test_masks_of_cvat_in_ids_are_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They need no colours."""
    root = tmp_path / 'data'
    root.mkdir()
    truth = cvat_masks(root)
    for name, labels in truth.items():
        Image.fromarray(labels).save(root / f'SegmentationClass/{name}.png')
    assert new_config(['--data', str(root), '--out', str(tmp_path / 'mine.py')]) == 0
    assert not (tmp_path / 'mine_data/annotated').exists()
    other = ['--data', str(root), '--out', str(tmp_path / 'other.py')]
    assert new_config([*other, '--unlabelled', 'void']) == 2
    assert new_config([*other, '--skip-missing']) == 2
    assert capsys.readouterr().err.count('go with annotations; ') == 2


@pytest.mark.parametrize('output', ANNOTATIONS)
def test_predictions_come_back(output: str, tmp_path: Path) -> None:
    """As the tool would send them back without a correction."""
    rng = np.random.default_rng(1)
    names = ('background', 'car', 'road')
    outputs = Outputs(tmp_path / 'drafts', [output], {})
    labels = {}
    for name in ('a', 'b'):
        path = picture(tmp_path / 'photos' / f'{name}.jpg')
        labels[name] = rng.integers(0, 3, (H // 4, W // 4)).astype(np.uint8).repeat(4, 0)
        labels[name] = labels[name].repeat(4, 1)
        result = Segmentation(np.zeros((H, W, 3), np.uint8), labels[name], names, [(0, 0, 0)] * 3)
        source = source_of(path)
        outputs.write(Input(path, name), outputs.encode(name, result, source), source)
    join(outputs.folder, outputs.wanted, names)
    if output == 'yolo':
        (tmp_path / 'drafts/yolo').rename(tmp_path / 'photos/labels')
        (tmp_path / 'photos/labels/data.yaml').rename(tmp_path / 'photos/data.yaml')
    elif output != 'labelme':
        suffix = dict(coco='json', cvat='xml')[output]
        (tmp_path / f'drafts/{output}.{suffix}').rename(tmp_path / f'photos/all.{suffix}')
    folder = tmp_path / ('drafts/labelme' if output == 'labelme' else 'photos')
    assert main([str(folder), '--out', str(tmp_path / 'out')]) == 0
    assert (tmp_path / 'out/classes.txt').read_text().split() == list(names)
    for name, truth in labels.items():
        assert np.array_equal(mask(tmp_path / 'out', name), truth)


@pytest.mark.parametrize('name', ['cvat_masks', 'yolo'])
def test_nothing_of_the_user_is_overwritten(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither where the result goes beside the annotations, nor among other masks or lists."""
    root = tmp_path / 'data'
    FIXTURES[name][0](root)
    (root / 'classes.txt').write_text('road\ncar\ntree\n')
    if (root / 'JPEGImages').exists():
        (root / 'JPEGImages').rename(root / 'images')
    before = {path: path.read_bytes() for path in root.rglob('*.*')}
    assert main([str(root), '--out', str(root / '../data')]) == 2
    assert 'is the folder of the annotations' in capsys.readouterr().err
    assert {path: path.read_bytes() for path in root.rglob('*.*')} == before
    for kept in ('SegmentationClass/a.png', 'ImageSets/Segmentation/train.txt', 'classes.txt'):
        mine = tmp_path / kept.partition('/')[0] / kept
        mine.parent.mkdir(parents=True)
        mine.write_text('mine')
        assert main([str(root), '--out', str(tmp_path / kept.partition('/')[0])]) == 2
        assert 'is there already, and of no conversion' in capsys.readouterr().err
        assert mine.read_text() == 'mine'


def test_a_conversion_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    root, out = tmp_path / 'data', tmp_path / 'out'
    root.mkdir()
    labelme_polygons(root)
    (root / 'b.jpg').write_bytes(b'broken')
    assert main([str(root), '--out', str(out)]) == 2
    picture(root / 'b.jpg')
    assert main([str(root), '--out', str(out)]) == 0
    (out / 'converted.json').write_text('{}')  # as it is while masks are painted
    assert main([str(root), '--out', str(out)]) == 0


def test_names_of_classes_by_the_editor_of_windows(tmp_path: Path) -> None:
    root, out = tmp_path / 'data', tmp_path / 'out'
    root.mkdir()
    labelme_polygons(root)
    (root / 'labels.txt').write_bytes(b'\xef\xbb\xbftree\r\nroad\r\ncar\r\n')
    assert main([str(root), '--out', str(out)]) == 0
    assert (out / 'classes.txt').read_text().split() == ['background', 'tree', 'road', 'car']


def test_labels_apart_from_their_shapes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Label Studio's ``<Labels>`` beside ``<Polygon>``: two results of one id.

    Labels of no shape, as of a part of a text, are named among what is left out.
    """
    picture(tmp_path / 'data/a.png')
    points = dict(points=[[100 * x / W, 100 * y / H] for x, y in CAR], closed=True)
    shape = region('polygon', '', **points) | dict(id='one')
    del shape['value']['polygon']
    results = [shape, region('labels', 'car', **points) | dict(id='one')]
    write_json(tmp_path / 'data/tasks.json', [task(1, 'a.png', results)])
    assert main([str(tmp_path / 'data'), '--out', str(tmp_path / 'out')]) == 0
    assert 'labels of Label Studio' not in capsys.readouterr().out
    assert np.array_equal(mask(tmp_path / 'out', 'a'), by_pycocotools(CAR))
    of_text = region('labels', 'car', text='car') | dict(id='two')
    write_json(tmp_path / 'data/tasks.json', [task(1, 'a.png', [*results, of_text])])
    assert main([str(tmp_path / 'data'), '--out', str(tmp_path / 'out')]) == 0
    assert 'labels of Label Studio' in capsys.readouterr().out


def test_other_lists_of_classes_are_not_of_supervisely(tmp_path: Path) -> None:
    coco_crowd(tmp_path / 'data')
    write_json(tmp_path / 'data/classes.json', dict(classes=['road', 'car']))
    assert main([str(tmp_path / 'data'), '--out', str(tmp_path / 'out')]) == 0


def test_pictures_of_one_name_in_two_splits(tmp_path: Path) -> None:
    """Each split's file means its own."""
    region = dict(size=[H, W], counts=[0, H * W])
    for split, label in (('train', 10), ('val', 20)):
        picture(tmp_path / 'images' / split / 'a.png')
        annotation = dict(image_id=7, category_id=label, segmentation=region)
        document = coco_document(['a.png'], [annotation], ['road', 'car'])
        write_json(tmp_path / f'annotations/instances_{split}2017.json', document)
    assert main([str(tmp_path), '--out', str(tmp_path / 'out')]) == 0
    assert (mask(tmp_path / 'out', 'train/a') == 1).all()
    assert (mask(tmp_path / 'out', 'val/a') == 2).all()
