"""Folders in VOC's layout: what is read, and what is refused with which words."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdeeplab.config.registered import arguments
from mmdeeplab.datasets.split_list import read_split, write_split
from mmdeeplab.datasets.transforms import LoadImage, LoadMask
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.errors import UserError
from mmdeeplab.visualization.voc_palette import VOC_CLASSES, voc_palette

PIPELINE = [dict(type='mmdeeplab.LoadImage'), dict(type='mmdeeplab.LoadMask')]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of 6 x 4 pixels with three classes."""
    for name in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (tmp_path / name).mkdir(parents=True)
    for i, key in enumerate(('one', 'two')):
        Image.new('RGB', (6, 4), (255, 0, i)).save(tmp_path / f'JPEGImages/{key}.jpg')
        write_mask(tmp_path, key, np.full((4, 6), i))
    (tmp_path / 'ImageSets/Segmentation/train.txt').write_text('one\ntwo\n')
    (tmp_path / 'classes.txt').write_text('sky\nroad\ncar\n')
    return tmp_path


def write_mask(root: Path, key: str, ids: np.ndarray) -> None:
    mask = Image.fromarray(ids.astype(np.uint8), 'P' if ids.max() < 256 else None)
    mask.putpalette([value for colour in voc_palette() for value in colour])
    mask.save(root / f'SegmentationClass/{key}.png')


def dataset(root: Path, **options: object) -> VOCFolderDataset:
    return VOCFolderDataset(str(root), 'train', pipeline=PIPELINE, **options)


def test_reads_classes_images_and_masks(folder: Path) -> None:
    data = dataset(folder)
    assert data.metainfo['classes'] == ('sky', 'road', 'car')
    assert data.metainfo['palette'] == voc_palette(3)
    assert len(data) == 2
    sample = data[1]
    assert sample['img'].shape == (4, 6, 3)
    assert sample['img'][0, 0, 2] > 250  # OpenCV's order: red comes last
    np.testing.assert_array_equal(sample['gt_seg_map'], np.ones((4, 6)))


def test_without_classes_txt_it_is_voc(folder: Path) -> None:
    (folder / 'classes.txt').unlink()
    assert dataset(folder).metainfo['classes'] == VOC_CLASSES


def test_camvid_is_such_a_folder(shared: Path) -> None:
    data = VOCFolderDataset(str(shared / 'data/camvid'), 'val', pipeline=PIPELINE)
    assert len(data) == 101
    assert len(data.metainfo['classes']) == 11
    assert data[0]['gt_seg_map'].shape == (360, 480)


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('data/VOCdevkit/VOC2012', ['data/VOCdevkit/VOC2012', '--data-root', 'make_mini_voc.py']),
        ('data/mini-voc', ['tools/make_mini_voc.py --out', 'data/mini-voc']),
    ],
)
def test_a_missing_folder_names_the_next_command(tmp_path: Path, name: str, words: list) -> None:
    with pytest.raises(UserError) as error:
        VOCFolderDataset(str(tmp_path / name), 'train')
    assert all(word in str(error.value) for word in words)


def test_a_missing_split_names_those_there_are(folder: Path) -> None:
    with pytest.raises(UserError, match=r'trainaug\.txt; there are: train'):
        VOCFolderDataset(str(folder), 'trainaug')


def test_missing_files_are_named_together(folder: Path) -> None:
    (folder / 'JPEGImages/one.jpg').unlink()
    (folder / 'JPEGImages/two.jpg').unlink()
    with pytest.raises(UserError, match=r'2 of 2 files .* one\.jpg, two\.jpg'):
        dataset(folder)


def test_missing_augmented_masks_tell_how_to_do_without(folder: Path) -> None:
    with pytest.raises(UserError, match=r'SegmentationClassAug.*split=train'):
        dataset(folder, mask_dir='SegmentationClassAug')


@pytest.mark.parametrize(
    ('text', 'ids'),
    [('a\nb\n', ['a', 'b']), ('\ufeffa\r\nb\r\n', ['a', 'b']), ('a\n\nb\n\n', ['a', 'b'])],
)
def test_lists_of_every_editor_are_read(tmp_path: Path, text: str, ids: list) -> None:
    (tmp_path / 'train.txt').write_bytes(text.encode())
    assert read_split(tmp_path / 'train.txt') == ids


@pytest.mark.parametrize('line', ['../../secret', '/etc/passwd', 'a.jpg a.png'])
def test_lines_that_are_no_ids_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / 'train.txt').write_text(f'fine\n{line}\n')
    with pytest.raises(UserError, match='line 2') as error:
        read_split(tmp_path / 'train.txt')
    assert line in str(error.value)


def test_a_list_that_is_written_is_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a locale with another encoding."""
    monkeypatch.setattr(io, 'text_encoding', lambda encoding, *_: encoding or 'latin-1')
    write_split(tmp_path / 'train.txt', {'straße'}, 'the data')
    assert read_split(tmp_path / 'train.txt') == ['straße']


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'train.txt').write_text('\n')
    with pytest.raises(UserError, match='names no image'):
        read_split(tmp_path / 'train.txt')


@pytest.mark.parametrize('value', [3, 100, 254])
def test_a_label_outside_the_classes_is_named(folder: Path, value: int) -> None:
    ids = np.zeros((4, 6))
    ids[0, 0], ids[1, 1] = value, 255
    write_mask(folder, 'one', ids)
    with pytest.raises(UserError) as error:
        dataset(folder)[0]
    text = str(error.value)
    assert f'label {value} in' in text
    assert 'SegmentationClass/one.png' in text
    assert '3 classes' in text


def test_sixteen_bits_do_not_wrap_around(folder: Path) -> None:
    Image.fromarray(np.full((4, 6), 257, np.uint16)).save(folder / 'SegmentationClass/one.png')
    with pytest.raises(UserError, match='label 257'):
        dataset(folder)[0]


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (lambda f: (f / 'JPEGImages/one.jpg').write_bytes(b''), 'one.jpg'),
        (lambda f: (f / 'JPEGImages/one.jpg').write_text('<html>'), 'one.jpg'),
        (lambda f: (f / 'SegmentationClass/one.png').write_bytes(b''), 'one.png'),
        (lambda f: write_mask(f, 'one', np.zeros((2, 3))), 'is 3x2, its image'),
        (
            lambda f: Image.new('RGB', (6, 4)).save(f / 'SegmentationClass/one.png'),
            'one.png is a RGB picture',
        ),
    ],
)
def test_broken_files_are_named(folder: Path, damage: object, words: str) -> None:
    damage(folder)
    with pytest.raises(UserError, match=words.replace('.', r'\.')):
        dataset(folder)[0]


def test_transforms_are_registered() -> None:
    from mmdeeplab.registry import TRANSFORMS

    assert TRANSFORMS.get('mmdeeplab.LoadImage') is LoadImage
    assert TRANSFORMS.get('mmdeeplab.LoadMask') is LoadMask


REFUSED = [
    (dict(backend_args=dict(backend='lmdb', db_path='/nowhere')), "backend='lmdb'; copy the data"),
    (dict(ignore_index=None), 'ignore_index .* whole number, got None'),
    (dict(ignore_index='background'), "got 'background'"),
    (dict(reduce_zero_label=1), 'reduce_zero_label is True or False, got 1'),
    (dict(indices=[0, 2]), 'indices .* 2 is no place in .*train.txt, which has 2 ids'),
    (dict(indices='first'), "'first' is no place"),
    (dict(indices=0), r'indices=0 of a data set: that is no sample of .*train.txt'),
    (dict(indices=[]), 'no sample of'),
    (dict(metainfo=dict(palette=[(0, 0, 0)])), 'palette has 1 colours, there are 3 classes'),
    (dict(metainfo=dict(classes=('sky', 'car', 'road'))), "class 1 is 'car', but 'road' in"),
]


@pytest.mark.parametrize(('options', 'words'), REFUSED)
def test_arguments_that_cannot_be_used_are_refused(folder: Path, options: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        dataset(folder, **options)


ARGUMENTS = {
    'indices': ([1], lambda data: len(data) == 1 and data[0]['img_path'].endswith('two.jpg')),
    'serialize_data': (False, lambda data: not hasattr(data, 'data_address')),
    'lazy_init': (True, lambda data: not data._fully_initialized),
    'max_refetch': (3, lambda data: data.max_refetch == 3),
    'test_mode': (True, lambda data: data.test_mode),
    'backend_args': (dict(backend='local'), lambda data: len(data) == 2),
    'metainfo': (
        dict(palette=[(1, 2, 3), (4, 5, 6), (7, 8, 9)]),
        lambda data: data.metainfo['palette'][0] == (1, 2, 3),
    ),
    'ignore_index': (1, lambda data: (data[1]['gt_seg_map'] == 255).all()),
    'reduce_zero_label': (True, lambda data: (data[1]['gt_seg_map'] == 0).all()),
}


@pytest.mark.parametrize('name', ARGUMENTS)
def test_arguments_have_their_effect(folder: Path, name: str) -> None:
    value, holds = ARGUMENTS[name]
    assert holds(dataset(folder, **{name: value}))


@pytest.mark.parametrize('name', ['ann_file', 'data_prefix', 'filter_cfg'])
def test_arguments_of_the_base_class_without_a_use_are_none_of_ours(name: str) -> None:
    assert name not in (arguments(VOCFolderDataset) or {name})
