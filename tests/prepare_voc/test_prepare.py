"""VOC 2012 and SBD from archives in miniature."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from https_server import Server
from PIL import Image
from scipy.io import savemat
from voc_archives import (
    COUNTS,
    EXTRA,
    PALETTE,
    SBD_TRAIN,
    TRAIN,
    VAL,
    jpeg,
    lines,
    mat,
    pack,
    png,
    sbd_files,
    sbd_mask,
    voc_files,
    voc_mask,
)

import mmdeeplab.datasets.prepare_voc as package
from mmdeeplab.cli.prepare_voc import main
from mmdeeplab.datasets.prepare_voc import SBD, VOC, Prepared, Source, SplitCounts, prepare
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.errors import UserError

Files = dict[str, bytes]
CLS = 'benchmark_RELEASE/dataset/cls'
LISTS = 'VOCdevkit/VOC2012/ImageSets/Segmentation'


class Place:
    """A root, its archives, and what is in them."""

    def __init__(self, folder: Path) -> None:
        self.root, self.archives = folder / 'data', folder / 'archives'
        self.voc = self.root / 'VOCdevkit' / 'VOC2012'
        self.pack(voc_files(), sbd_files())

    def pack(self, voc: Files | None = None, sbd: Files | None = None) -> None:
        if voc is not None:
            self.voc_source = pack(self.archives / VOC.name, voc)
        if sbd is not None:
            self.sbd_source = pack(self.archives / SBD.name, sbd)

    def run(self, **how: object) -> Prepared:
        sources = dict(voc_source=self.voc_source, sbd_source=self.sbd_source, counts=COUNTS)
        return prepare(self.root, self.archives, quiet=True, **(sources | how))  # type: ignore

    def ids(self, split: str) -> list[str]:
        return (self.root / LISTS / f'{split}.txt').read_text().split('\n')[:-1]

    def state(self) -> dict[str, tuple[int, int]]:
        stats = {path: path.stat() for path in self.root.rglob('*') if path.is_file()}
        return {str(path): (s.st_mtime_ns, s.st_ino) for path, s in stats.items()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_published_numbers_are_the_defaults() -> None:
    assert SplitCounts() == SplitCounts(train=1464, val=1449, trainaug=10582)


def test_lists_images_and_masks(place: Place) -> None:
    assert place.run() == Prepared(place.voc, True)
    assert place.ids('train') == TRAIN
    assert place.ids('val') == VAL
    assert place.ids('trainaug') == sorted(TRAIN + EXTRA)
    assert sorted(p.name for p in place.voc.iterdir()) == [
        'ImageSets', 'JPEGImages', 'SegmentationClass', 'SegmentationClassAug',
    ]  # fmt: skip
    masks = {path.stem for path in (place.voc / 'SegmentationClassAug').iterdir()}
    assert masks == set(TRAIN + EXTRA)


def test_masks_are_vocs_where_voc_has_them_and_sbds_elsewhere(place: Place) -> None:
    place.run()
    for i in TRAIN + EXTRA:
        with Image.open(place.voc / 'SegmentationClassAug' / f'{i}.png') as mask:
            assert mask.mode == 'P'
            assert mask.getpalette() == PALETTE
            expected = voc_mask(i) if i in TRAIN else sbd_mask(i)
            np.testing.assert_array_equal(np.asarray(mask), expected)


@pytest.mark.parametrize(
    ('split', 'masks'),
    [
        ('trainaug', 'SegmentationClassAug'),
        ('train', 'SegmentationClass'),
        ('val', 'SegmentationClass'),
    ],
)
def test_the_data_sets_of_the_configs_read_it(place: Place, split: str, masks: str) -> None:
    place.run()
    dataset = VOCFolderDataset(str(place.voc), split, mask_dir=masks)
    assert len(dataset) == getattr(COUNTS, split)
    assert len(dataset.metainfo['classes']) == 21


def test_a_second_run_does_nothing_and_needs_no_archive(place: Place) -> None:
    place.run()
    for archive in place.archives.iterdir():
        archive.unlink()
    before = place.state()
    assert place.run() == Prepared(place.voc, False)
    assert place.state() == before


@pytest.mark.parametrize(
    'lost',
    [
        'JPEGImages/2008_000002.jpg',
        'JPEGImages/2007_000033.jpg',
        'SegmentationClass/2007_000033.png',
        'SegmentationClassAug/2007_000032.png',
        'SegmentationClassAug/2008_000003.png',
        'ImageSets/Segmentation/train.txt',
        'ImageSets/Segmentation/trainaug.txt',
    ],
)
def test_what_is_missing_is_brought_back_and_nothing_else_touched(place: Place, lost: str) -> None:
    place.run()
    if lost == 'JPEGImages/2008_000002.jpg':  # of trainaug only: VOC's lists are complete
        (place.voc / 'ImageSets/Segmentation/val.txt').unlink()
    before = place.state()
    (place.voc / lost).unlink()
    place.run()
    after = place.state()
    assert {path for path in before if after[path] == before[path]} >= {
        path for path in before if not path.endswith(lost)
    }
    assert place.run().changed is False


class StopError(Exception):
    """In the place of a kill."""


@pytest.mark.parametrize('step', range(1, 30, 4))
def test_a_run_broken_at_any_file_is_gone_on_with(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    rename, count = Path.replace, iter(range(1, 1000))

    def stop(path: Path, target: Path) -> Path:
        if next(count) == step:
            raise StopError
        return rename(path, target)

    monkeypatch.setattr(Path, 'replace', stop)
    with pytest.raises(StopError):
        place.run()
    place.run()
    assert place.run().changed is False
    assert place.ids('trainaug') == sorted(TRAIN + EXTRA)


@pytest.mark.parametrize('name', ['2008_000002', '2007_000032'])  # from SBD, from VOC
def test_files_of_the_user_stay_and_are_told(
    place: Place, name: str, capsys: pytest.CaptureFixture
) -> None:
    own = place.voc / 'SegmentationClassAug' / f'{name}.png'
    own.parent.mkdir(parents=True)
    own.write_bytes(png(np.zeros((5, 7), np.uint8)))
    notes = place.voc / 'notes.txt'
    notes.write_text('mine')
    body = own.read_bytes()
    place.run()
    said = capsys.readouterr().err
    assert f'1 masks in {own.parent} differ' in said
    assert name in said
    assert own.read_bytes() == body
    assert notes.read_text() == 'mine'


def test_a_list_in_another_order_stays(place: Place) -> None:
    path = place.root / LISTS / 'trainaug.txt'
    path.parent.mkdir(parents=True)
    path.write_bytes(lines([*EXTRA, *TRAIN]))
    place.run()
    assert place.ids('trainaug') == [*EXTRA, *TRAIN]


def test_a_list_of_other_images_is_not_overwritten(place: Place) -> None:
    path = place.root / LISTS / 'trainaug.txt'
    path.parent.mkdir(parents=True)
    path.write_bytes(lines([*TRAIN, *VAL]))
    with pytest.raises(UserError, match=r'trainaug\.txt differs from VOC and SBD in 8 images'):
        place.run()
    assert place.ids('trainaug') == [*TRAIN, *VAL]


@pytest.mark.parametrize('same_size', [False, True])
def test_another_image_in_the_way_is_not_overwritten(place: Place, same_size: bool) -> None:
    path = place.voc / 'JPEGImages' / '2007_000032.jpg'
    path.parent.mkdir(parents=True)
    real = voc_files()['VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg']
    mine = bytes(len(real)) if same_size else b'mine'
    path.write_bytes(mine)
    with pytest.raises(UserError, match=r'2007_000032\.jpg is there already and differs'):
        place.run()
    assert path.read_bytes() == mine


def test_an_unpacked_voc_is_enough(place: Place) -> None:
    place.run()
    for path in (place.voc / 'SegmentationClassAug').iterdir():
        path.unlink()
    (place.root / LISTS / 'trainaug.txt').unlink()
    (place.archives / VOC.name).unlink()
    assert place.run().changed
    assert place.ids('trainaug') == sorted(TRAIN + EXTRA)


def test_a_leak_of_val_is_found(place: Place) -> None:
    place.run()
    swapped = [*TRAIN, *EXTRA[:-1], VAL[0]]
    (place.root / LISTS / 'trainaug.txt').write_bytes(lines(swapped))
    (place.voc / 'SegmentationClassAug' / f'{VAL[0]}.png').write_bytes(png(voc_mask(VAL[0])))
    with pytest.raises(UserError, match=r'trainaug\.txt differs'):
        place.run()


def test_an_overlap_of_vocs_own_lists_is_found(place: Place) -> None:
    voc = voc_files() | {f'{LISTS}/train.txt': lines([*TRAIN[:-1], VAL[0]])}
    place.pack(voc)
    with pytest.raises(UserError, match=f'1 images of val are in train, too: {VAL[0]}'):
        place.run()


def change(name: str, body: bytes | None) -> Callable[[Files], Files]:
    def apply(files: Files) -> Files:
        files = {key: value for key, value in files.items() if key != name}
        return files if body is None else files | {name: body}

    return apply


def mat_of(**variables: object) -> bytes:
    out = io.BytesIO()
    savemat(out, variables)
    return out.getvalue()


ONE = f'{CLS}/2008_000002.mat'
BAD_SBD: dict[str, tuple[str, bytes | None, str]] = {
    'a mask fewer': (ONE, None, 'has 8 masks .* name 9 images: 2008_000002'),
    'a mask more': (f'{CLS}/2008_000009.mat', mat(sbd_mask('1_09')), '2008_000009'),
    'no mat': (ONE, b'not a mat file' * 20, '2008_000002.mat of .*benchmark.tgz is not a mask'),
    'empty': (ONE, b'', 'is not a mask of SBD'),
    'cut': (ONE, mat(sbd_mask('1_02'))[:150], 'is not a mask of SBD'),
    'another variable': (ONE, mat_of(GTinst=np.zeros((5, 7))), 'is not a mask of SBD'),
    'an array': (ONE, mat_of(GTcls=np.zeros((5, 7), np.uint8)), 'is not a mask of SBD'),
    'real numbers': (ONE, mat(np.zeros((5, 7))), 'type float64'),
    'an unknown class': (ONE, mat(np.full((5, 7), 21, np.uint8)), 'largest id 21'),
    'void': (ONE, mat(np.full((5, 7), 255, np.uint8)), 'largest id 255'),
    'another size': (ONE, mat(np.zeros((7, 5), np.uint8)), r'is 5 x 7, its mask in SBD \(7, 5\)'),
    'three dimensions': (ONE, mat(np.zeros((5, 7, 2), np.uint8)), 'shape'),
    'a link': ('benchmark_RELEASE/../../x', b'', 'would leave the folder'),
    'a list fewer': ('benchmark_RELEASE/dataset/val.txt', None, 'its lists name 5'),
}


@pytest.mark.parametrize('name', BAD_SBD)
def test_a_bad_sbd_is_named(place: Place, name: str) -> None:
    member, body, message = BAD_SBD[name]
    place.pack(sbd=change(member, body)(sbd_files()))
    with pytest.raises(UserError, match=message):
        place.run()
    assert not (place.root / LISTS / 'trainaug.txt').exists()


BAD_VOC: dict[str, tuple[str, bytes | None, str]] = {
    'a train id fewer': (
        f'{LISTS}/train.txt',
        lines(TRAIN[1:]),
        'names 3 images in 3 lines, not 4',
    ),
    'a val id twice': (f'{LISTS}/val.txt', lines(VAL + VAL[:1]), 'names 3 images in 4 lines'),
    'no val list': (f'{LISTS}/val.txt', None, r'there is no .*val\.txt'),
    'an id that leaves': (f'{LISTS}/val.txt', lines([*VAL[1:], '../x']), 'is not an id'),
    'a lost image': ('VOCdevkit/VOC2012/JPEGImages/2007_000033.jpg', None, '1 files of .*val.txt'),
    'a lost mask': ('VOCdevkit/VOC2012/SegmentationClass/2007_000033.png', None, '2007_000033'),
    'a lost image of SBD': ('VOCdevkit/VOC2012/JPEGImages/2008_000002.jpg', None, '2008_000002'),
    'a broken image': ('VOCdevkit/VOC2012/JPEGImages/2008_000002.jpg', b'x', 'missing or broken'),
}


@pytest.mark.parametrize('name', BAD_VOC)
def test_a_bad_voc_is_named(place: Place, name: str) -> None:
    member, body, message = BAD_VOC[name]
    place.pack(voc=change(member, body)(voc_files()))
    with pytest.raises(UserError, match=message):
        place.run()


@pytest.mark.parametrize('name', [VOC.name, SBD.name])
def test_another_archive_is_refused_unless_taken_as_it_is(place: Place, name: str) -> None:
    source = dataclasses.replace(
        place.voc_source if name == VOC.name else place.sbd_source, sha256='0' * 64
    )
    key = 'voc_source' if name == VOC.name else 'sbd_source'
    with pytest.raises(UserError, match=f'{name} is not the published archive: its sha256'):
        place.run(**{key: source})
    assert place.run(unverified=True, **{key: source}).changed


def test_archives_are_fetched_when_they_are_not_there(place: Place, server: Server) -> None:
    def serve(source: Source) -> Source:
        path = place.archives / source.name
        url = server.put(f'/{source.name}', path.read_bytes(), breaks=[1000])
        path.unlink()
        return dataclasses.replace(source, url=url)

    how = dict(voc_source=serve(place.voc_source), sbd_source=serve(place.sbd_source))
    assert place.run(**how).changed
    assert sorted(path.name for path in place.archives.iterdir()) == [VOC.name, SBD.name]
    assert [range_ for _, range_ in server.log] == ['', 'bytes=1000-'] * 2


def test_no_network_says_what_to_do(place: Place, server: Server) -> None:
    (place.archives / SBD.name).unlink()
    source = dataclasses.replace(place.sbd_source, url=server.address('/gone'))
    with pytest.raises(UserError, match=r'404.*If you have benchmark\.tgz, .*--archives'):
        place.run(sbd_source=source)


def test_the_command(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def small(root: Path, archives: Path, unverified: bool) -> Prepared:
        assert archives == place.archives
        return place.run(unverified=unverified)

    monkeypatch.setattr(package, 'prepare', small)
    args = ['--root', str(place.root), '--archives', str(place.archives)]
    assert main(args) == 0
    out = capsys.readouterr().out
    assert 'VOC2012 is ready: train 1,464, val 1,449, trainaug 10,582 images' in out
    assert f'--data-root {place.voc}' in out
    assert main(args) == 0
    assert 'was ready already' in capsys.readouterr().out
    (place.root / LISTS / 'val.txt').unlink()
    (place.archives / VOC.name).write_bytes(b'broken')
    assert main(args) == 2
    assert 'is not the published archive' in capsys.readouterr().err


def test_the_miniature_has_what_makes_it_hard() -> None:
    """Images of val and of train are in SBD's own train list, and images are there unlisted."""
    assert set(SBD_TRAIN) & set(VAL)
    assert set(SBD_TRAIN) & set(TRAIN)
    assert jpeg()
