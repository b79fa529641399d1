"""Cityscapes, ADE20K, COCO-Stuff and PASCAL Context from archives in miniature."""

import ast
import dataclasses
from pathlib import Path

import mmseg
import numpy as np
import pytest
from mini_sets import COUNTS, LABELS, MAKERS, SIZE, encoded, halves, mat, mini, write_archives
from mmseg import datasets as theirs
from PIL import Image

from mmdeeplab.cli import new_config
from mmdeeplab.cli import prepare_data as command
from mmdeeplab.datasets.folders import missing_root
from mmdeeplab.datasets.named_classes import NAMES, named_classes
from mmdeeplab.datasets.prepare import label_tables
from mmdeeplab.datasets.prepare.prepare import Prepared, prepare
from mmdeeplab.datasets.prepare.recognise import SIGNS, recognise
from mmdeeplab.datasets.prepare.table import DATA_SETS
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.errors import UserError

CONVERTERS = Path(mmseg.__file__).parent / '.mim/tools/dataset_converters'
sets = pytest.mark.parametrize('name', DATA_SETS)
# Names of the ids as Cityscapes publishes them, those that are evaluated.
CITYSCAPES_IDS = {
    **{7: 'road', 8: 'sidewalk', 11: 'building', 12: 'wall', 13: 'fence', 17: 'pole'},
    **{19: 'traffic light', 20: 'traffic sign', 21: 'vegetation', 22: 'terrain', 23: 'sky'},
    **{24: 'person', 25: 'rider', 26: 'car', 27: 'truck', 28: 'bus', 31: 'train'},
    **{32: 'motorcycle', 33: 'bicycle'},
}


class Place:
    """A root, its archives, and what is in them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.data = name, mini(name)
        self.root, self.archives = folder / 'data', folder / 'archives'
        self.files = MAKERS[name]()
        self.folder = self.root / self.data.folder
        write_archives(self.archives, self.files)

    def run(self) -> Prepared:
        return prepare(self.data, self.root, self.archives, quiet=True)

    def repack(self, archive: str, member: str, body: bytes | None) -> None:
        """Exchange a member of an archive, or leave it out."""
        files = self.files[archive]
        assert member in files
        files[member] = body or b''
        if body is None:
            del files[member]
        write_archives(self.archives, {archive: files})

    def masks(self) -> list[Path]:
        files = self.data.masks
        return sorted((self.folder / files.folder).rglob(f'*{files.suffix}'))

    def state(self) -> dict[str, int]:
        paths = [path for path in self.root.rglob('*') if path.is_file()]
        return {str(path): path.stat().st_mtime_ns for path in paths}


def assigned(file: str, name: str) -> object:
    """The literal that a module of mmsegmentation's converters assigns to a name."""
    for node in ast.parse((CONVERTERS / file).read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == name:
            lists = [each for each in ast.walk(node.value) if isinstance(each, ast.List)]
            return ast.literal_eval(lists[0] if lists else node.value)
    raise AssertionError(f'{file} has no {name}')


def test_cityscapes_ids_are_the_classes_of_their_names() -> None:
    table, classes = label_tables.cityscapes(), named_classes('cityscapes').classes
    assert {i: classes[table[i]] for i in range(34) if table[i] != 255} == CITYSCAPES_IDS
    assert (table[34:255] == label_tables.UNKNOWN).all()


def test_the_gaps_of_coco_stuff_are_closed_as_mmsegmentation_does() -> None:
    table = label_tables.coco_stuff()
    known = {i: int(label) for i, label in enumerate(table) if label != label_tables.UNKNOWN}
    assert known == assigned('coco_stuff164k.py', 'clsID_to_trID')


def test_the_frequent_classes_of_context_are_mmsegmentations() -> None:
    table = label_tables.pascal_context()
    assert sorted(np.flatnonzero(table)) == sorted(assigned('pascal_context.py', '_mapping'))[1:]
    assert table[table > 0].tolist() == list(range(1, 60))
    classes = named_classes('pascal-context').classes
    # Some lines of the publisher's labels.txt.
    lines = {2: 'aeroplane', 115: 'door', 284: 'person', 360: 'sky', 427: 'tvmonitor', 458: 'wood'}
    assert {i: classes[table[i]] for i in lines} == lines


def test_names_and_colours_are_mmsegmentations() -> None:
    for name, (cls, other) in NAMES.items():
        meta = getattr(theirs, cls).METAINFO
        found = named_classes(name)
        assert len(found.classes) == len(found.palette) == len(meta['classes']) + other
        assert len(set(found.classes)) == len(found.classes)
        assert list(found.palette)[other:] == [tuple(colour) for colour in meta['palette']]
    assert named_classes('ade20k-other').classes[:2] == ('other', 'wall')
    with pytest.raises(UserError, match=r"'cityscape' is no data set .* did you mean cityscapes"):
        named_classes('cityscape')


def test_the_command_knows_every_data_set() -> None:
    assert tuple(DATA_SETS) == command.NAMES == tuple(SIGNS)
    counts = {name: tuple(s.count for s in data.splits) for name, data in DATA_SETS.items()}
    assert counts == {
        'cityscapes': (2975, 500),
        'ade20k': (20210, 2000),
        'coco-stuff': (118287, 5000),
        'pascal-context': (4998, 5105),
    }


@sets
def test_lists_images_and_masks(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path, name)
    assert place.run() == Prepared(place.folder, True)
    assert len(place.masks()) >= sum(COUNTS.values())
    for path in place.masks():
        assert np.array_equal(np.asarray(Image.open(path)), halves(LABELS[name])), path
    for split in place.data.splits:
        data = VOCFolderDataset(
            str(place.folder),
            split.list_name,
            mask_dir=place.data.masks.folder,
            image_dir=place.data.images.folder,
            img_suffix=place.data.images.suffix,
            seg_map_suffix=place.data.masks.suffix,
            metainfo=dict(classes=name),
        )
        assert len(data) == COUNTS[split.name]
        assert data.metainfo['classes'] == named_classes(name).classes
        assert data.metainfo['palette'] == named_classes(name).palette
    assert recognise(place.folder) == name
    unpacked = {path.suffix for path in place.root.rglob('*') if path.is_file()}
    assert unpacked <= {'.png', '.jpg', '.txt', '.mat'}
    assert not list(place.root.rglob('*instanceIds*'))


@sets
def test_a_second_run_does_nothing_without_the_archives(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path, name)
    place.run()
    before = place.state()
    for archive in place.archives.iterdir():
        archive.unlink()
    assert place.run() == Prepared(place.folder, False)
    assert place.state() == before


@sets
def test_a_broken_run_is_gone_on_with(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path, name)
    place.run()
    complete = set(place.state())
    lists = sorted((place.folder / 'ImageSets/Segmentation').glob('*.txt'))
    for path in (lists[0], place.masks()[0], place.masks()[-1]):
        path.unlink()
    assert place.run().changed
    assert set(place.state()) == complete


def test_an_unpacked_data_set_needs_no_archive(tmp_path: Path) -> None:
    place = Place(tmp_path, 'cityscapes')
    place.run()
    for path in (*place.masks(), *(place.folder / 'ImageSets/Segmentation').iterdir()):
        path.unlink()
    for archive in place.archives.iterdir():
        archive.unlink()
    assert place.run().changed
    assert len(place.masks()) == 6


def test_masks_that_mmsegmentation_made_are_taken(tmp_path: Path) -> None:
    """Of PASCAL Context, where it reads another publication of the annotations."""
    place = Place(tmp_path, 'pascal-context')
    place.run()
    for path in (place.folder / 'pascal-context/trainval').iterdir():
        path.unlink()
    (place.archives / 'trainval.tar.gz').unlink()
    (place.folder / 'ImageSets/Segmentation/context_train.txt').unlink()
    assert place.run().changed


@sets
def test_missing_archives_are_all_named_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    place = Place(tmp_path, name)
    for archive in place.archives.iterdir():
        archive.unlink()
    with pytest.raises(UserError) as error:
        place.run()
    for archive in place.data.archives:
        assert archive.name in str(error.value)
        assert archive.page in str(error.value)
    assert not place.root.exists()


@sets
def test_a_cut_archive_is_named(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path, name)
    path = place.archives / place.data.archives[0].name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=f'{path.name}.* (no archive|files|images)'):
        place.run()


LABEL_IDS = 'gtFine/val/munster/munster_000001_000019_gtFine_labelIds.png'
STUFF = 'train2017/000000000002.png'
MAT = 'trainval/2008_000001.mat'


@pytest.mark.parametrize(
    ('name', 'archive', 'member', 'body', 'words'),
    [
        ('cityscapes', 'gtFine_trainvaltest.zip', LABEL_IDS, None, 'munster_000001'),
        (
            'cityscapes',
            'gtFine_trainvaltest.zip',
            LABEL_IDS,
            encoded(Image.fromarray(halves((7, 99, 0))), 'PNG'),
            r'labelIds.png holds ids that its data set does not have: \[99\]',
        ),
        (
            'coco-stuff',
            'stuffthingmaps_trainval2017.zip',
            STUFF,
            encoded(Image.fromarray(halves((0, 82, 255))), 'PNG'),
            r'000000000002.png holds ids .*: \[82\]',
        ),
        (
            'coco-stuff',
            'stuffthingmaps_trainval2017.zip',
            STUFF,
            encoded(Image.new('L', (9, 9)), 'PNG'),
            '000000000002.png is of 9 x 9 pixels, its image .*000000000002.jpg of 64 x 48',
        ),
        (
            'coco-stuff',
            'stuffthingmaps_trainval2017.zip',
            STUFF,
            encoded(Image.new('RGB', SIZE[::-1]), 'PNG'),
            '000000000002.png is no mask of its data set: shape',
        ),
        ('pascal-context', 'trainval.tar.gz', MAT, b'no mat', '2008_000001.mat is no mask'),
        (
            'pascal-context',
            'trainval.tar.gz',
            MAT,
            mat(halves((2, 460, 0), np.uint16)),
            r'2008_000001.mat holds ids .*: \[460\]',
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, name: str, archive: str, member: str, body: bytes | None, words: str
) -> None:
    place = Place(tmp_path, name)
    place.repack(archive, member, body)
    with pytest.raises(UserError, match=words):
        place.run()


def test_another_number_of_images_is_told(tmp_path: Path) -> None:
    place = Place(tmp_path, 'ade20k')
    place.data = dataclasses.replace(
        place.data, splits=(dataclasses.replace(place.data.splits[0], count=5),)
    )
    with pytest.raises(UserError, match='images/training has 4 images, train of ADE20K 5'):
        place.run()


def test_a_list_of_the_users_own_is_kept(tmp_path: Path) -> None:
    place = Place(tmp_path, 'ade20k')
    mine = place.folder / 'ImageSets/Segmentation/train.txt'
    mine.parent.mkdir(parents=True)
    mine.write_text('training/ADE_train_00000000\n')
    with pytest.raises(UserError, match='differs from the data in 3 images; move it away'):
        place.run()
    assert mine.read_text() == 'training/ADE_train_00000000\n'


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(DATA_SETS, 'ade20k', mini('ade20k'))
    monkeypatch.chdir(tmp_path)
    write_archives(tmp_path / 'data/archives', MAKERS['ade20k']())
    assert command.main(['ade20k']) == 0
    printed = capsys.readouterr().out
    assert 'data/ade/ADEChallengeData2016 is ready: train 4, val 2 images' in printed
    assert 'next: tools/train.py configs/' in printed
    assert '--data-root' not in printed
    assert command.main(['ade20k', '--root', str(tmp_path / 'data')]) == 0
    printed = capsys.readouterr().out
    assert 'was ready already' in printed
    assert f'--data-root {tmp_path}/data/ade/ADEChallengeData2016' in printed
    assert command.main(['cityscapes', '--archives', 'nowhere']) == 2
    assert 'Cityscapes needs what is not in nowhere: leftImg8bit' in capsys.readouterr().err


def test_a_known_folder_is_told_what_makes_it_ready(tmp_path: Path) -> None:
    words = missing_root(Path('data/cityscapes'), 'train')
    assert 'Cityscapes is made ready by tools/prepare_data.py cityscapes --root data' in words
    assert 'Cityscapes' not in missing_root(Path('data/my_cityscapes'), 'train')
    assert 'pascal-context --root .' in missing_root(Path('VOCdevkit/VOC2010'), 'train')
    root = tmp_path / 'mine'
    (root / 'leftImg8bit').mkdir(parents=True)
    (root / 'gtFine').mkdir()
    with pytest.raises(UserError, match=r'no list of images.*; Cityscapes is made ready by'):
        VOCFolderDataset(str(root), 'train', image_dir='leftImg8bit', mask_dir='gtFine')


def test_new_config_names_the_configs_of_a_known_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    place = Place(tmp_path, 'cityscapes')
    place.run()
    new_config.main(['--data', str(place.folder), '--out', str(tmp_path / 'mine.py')])
    said = capsys.readouterr().out
    assert 'Cityscapes is made ready by tools/prepare_data.py cityscapes' in said
    assert 'then configs/deeplabv3plus_xception_cityscapes.py and its like train on it' in said
