"""Whatever the files of a folder are called: every pair is read, or refused by name and number."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmdeeplab.cli.check_dataset import main as check_dataset
from mmdeeplab.cli.new_config import main
from mmdeeplab.datasets.discovery.look import class_names
from mmdeeplab.datasets.discovery.pairs import pair
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.errors import UserError

COUNT = 6
WIDTH, HEIGHT = 40, 36


def put(root: Path, image: str, mask: str, number: int) -> None:
    """A pair whose image and mask both tell its number, by colour and by the first pixels."""
    for name in (image, mask):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    colour = np.full((HEIGHT, WIDTH, 3), 20 * number + 40, np.uint8)
    Image.fromarray(colour).save(
        root / image, **({} if image.lower()[-3:] != 'jpg' else {'quality': 98})
    )
    ids = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3
    ids[0] = np.arange(WIDTH) < 3 * number
    Image.fromarray(ids.astype(np.uint8)).save(root / mask)


def read_numbers(config: Path) -> list[tuple[int, int]]:
    """Numbers of the image and of the mask of every pair that the config reads."""
    from mmseg.registry import DATASETS

    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    numbers = []
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        node = loader.dataset
        node.pipeline = [dict(type='mmdeeplab.LoadImage'), dict(type='mmdeeplab.LoadMask')]
        dataset = DATASETS.build(node)
        for i in range(len(dataset)):
            sample = dataset[i]
            image = round((float(sample['img'].mean()) - 40) / 20)
            numbers.append((image, int(sample['gt_seg_map'][0].sum()) // 3))
    return sorted(numbers)


def suffix(i: int, *choices: str) -> str:
    return choices[i % len(choices)]


FOLDERS = {
    'jpg, JPG': lambda i: (f'images/p{i}.{suffix(i, "jpg", "JPG")}', f'masks/p{i}.png'),
    'jpg, jpeg, png': lambda i: (
        f'images/p{i}.{suffix(i, "jpg", "jpeg", "png")}', f'masks/p{i}.png',
    ),
    'every suffix': lambda i: (
        f'images/p{i}.{suffix(i, "bmp", "tif", "webp", "TIFF", "PNG", "Jpeg")}',
        f'masks/p{i}.{suffix(i, "png", "PNG", "bmp", "tif", "tiff")}',
    ),
    'some _mask': lambda i: (f'images/p{i}.jpg', f'masks/p{i}{suffix(i, "", "_mask")}.png'),
    'affixes behind': lambda i: (
        f'images/p{i}.jpg', f'masks/p{i}{suffix(i, "_label", "_gt", "_seg", "_L", "-mask")}.png',
    ),
    'mask before': lambda i: (f'images/p{i}.jpg', f'masks/mask_p{i}.png'),
    'img and mask before': lambda i: (f'images/img_{i}.jpg', f'masks/mask_{i}.png'),
    'Cityscapes': lambda i: (
        f'leftImg8bit/{suffix(i, "ulm", "bonn")}/x_{i}_leftImg8bit.png',
        f'gtFine/{suffix(i, "ulm", "bonn")}/x_{i}_gtFine_labelIds.png',
    ),
    'one folder, mixed': lambda i: (f'p{i}.{suffix(i, "jpg", "JPG", "jpeg")}', f'p{i}.png'),
    'one folder, some _mask': lambda i: (f'p{i}.jpg', f'p{i}{suffix(i, "", "_mask")}.png'),
    'mirrored sub-folders': lambda i: (
        f'images/{i % 3}/deep/1{i // 3}.jpg', f'masks/{i % 3}/deep/1{i // 3}.png',
    ),
    'sub-folders, mask before': lambda i: (f'images/{i % 3}/{i}.jpg', f'masks/{i % 3}/gt_{i}.png'),
}  # fmt: skip


def new_config(tmp_path: Path, root: Path, *options: str) -> int:
    return main(['--data', str(root), '--out', str(tmp_path / 'mine.py'), *options])


@pytest.mark.parametrize('folder', FOLDERS)
def test_every_pair_of_mixed_suffixes_is_read(folder: str, tmp_path: Path) -> None:
    for i in range(COUNT):
        put(tmp_path / 'own', *FOLDERS[folder](i), i)
    assert new_config(tmp_path, tmp_path / 'own') == 0
    assert read_numbers(tmp_path / 'mine.py') == [(i, i) for i in range(COUNT)]


@pytest.mark.parametrize('folder', ['jpg, JPG', 'every suffix', 'some _mask'])
def test_lists_of_voc_over_mixed_suffixes(folder: str, tmp_path: Path) -> None:
    root = tmp_path / 'own'
    for i in range(COUNT):
        image, mask = FOLDERS[folder](i)
        put(
            root,
            image.replace('images', 'JPEGImages'),
            mask.replace('masks', 'SegmentationClass'),
            i,
        )
    lists = root / 'ImageSets/Segmentation'
    lists.mkdir(parents=True)
    (lists / 'train.txt').write_text('p0\np1\np2\np3\n')
    (lists / 'val.txt').write_text('p4\np5\n')
    assert new_config(tmp_path, root, '--classes', 'a,b,c') == 0
    assert read_numbers(tmp_path / 'mine.py') == [(i, i) for i in range(COUNT)]


def both_forms(i: int) -> str:
    return unicodedata.normalize(('NFC', 'NFD')[i % 2], f'é{i // 2}')


NAMES = {
    'blanks': lambda i: f'weed ({i})',
    'blanks at the ends': lambda i: f' {i}  ',
    'two numbers': lambda i: f'{i} 1',
    'brackets': lambda i: f'[{i}]{{x}}<y>',
    'CJK': lambda i: f'街道_{i}',
    'composed': lambda i: unicodedata.normalize('NFC', f'é{i}ü'),
    'decomposed': lambda i: unicodedata.normalize('NFD', f'é{i}ü'),
    'both forms at once': both_forms,
    'dots': lambda i: f'a..b.{i}.c.',
    'a suffix inside': lambda i: f'{i}.jpg',
    'leading dot': lambda i: f'.{i}',
    'leading dash': lambda i: f'-{i} --out',
    'quotes': lambda i: f'\'{i}" `x`',
    'marks': lambda i: f'#%&;$!*?{i}',
    'commas': lambda i: f'{i},1,,2',
    'equals': lambda i: f'={i}+1',
    'tabs': lambda i: f'{i}\tx\t',
    'line separators': lambda i: f'{i}\u2028\x85\x0bx',
    'backslash': lambda i: f'{i}\\x',
    'emoji': lambda i: f'👩‍🔬{i}',
    'long': lambda i: f'{i}' + 'n' * 240,
    'long CJK': lambda i: f'{i}' + '道' * 80,
    'right to left': lambda i: f'שלום{i}',
    'percent': lambda i: f'%s%d{i}%',
    'placeholder': lambda i: f'{{{i}}}{{{{x}}}}',
}


@pytest.mark.parametrize('names', NAMES)
def test_every_name_is_listed_checked_and_read(
    names: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for i in range(COUNT):
        put(tmp_path / 'own', f'images/{NAMES[names](i)}.png', f'masks/{NAMES[names](i)}.png', i)
    assert new_config(tmp_path, tmp_path / 'own', '--classes', 'a,b,c') == 0
    assert read_numbers(tmp_path / 'mine.py') == [(i, i) for i in range(COUNT)]
    capsys.readouterr()
    assert check_dataset([str(tmp_path / 'mine.py')]) == 0
    assert f'{COUNT - 1} train, 1 val, 1 test images, nothing wrong' in capsys.readouterr().out


@pytest.mark.parametrize('made', ['NFC', 'NFD'])
def test_image_and_mask_in_different_unicode_forms_are_a_pair(made: str, tmp_path: Path) -> None:
    other = {'NFC': 'NFD', 'NFD': 'NFC'}[made]
    for i in range(COUNT):
        names = [unicodedata.normalize(form, f'é{i}') for form in (made, other)]
        put(tmp_path / 'own', f'images/{names[0]}.png', f'masks/{names[1]}_mask.png', i)
    assert new_config(tmp_path, tmp_path / 'own') == 0
    assert read_numbers(tmp_path / 'mine.py') == [(i, i) for i in range(COUNT)]


LISTS = {
    'byte order mark': b'\xef\xbb\xbfa b\nc\n',
    'CRLF': b'a b\r\nc\r\n',
    'CR': b'a b\rc\r',
    'blanks around': b'  a b  \n\tc \n',
    'blank lines': b'a b\n\n\nc\n\n',
    'no last end': b'a b\nc',
    'all of it': b'\xef\xbb\xbf\r\n a b \t\r\n\r\nc',
}


@pytest.mark.parametrize('text', LISTS)
def test_lists_as_editors_write_them(text: str, tmp_path: Path) -> None:
    for i, name in enumerate(('a b', 'c')):
        put(tmp_path, f'JPEGImages/{name}.jpg', f'SegmentationClass/{name}.png', i)
    path = tmp_path / 'ImageSets/Segmentation/train.txt'
    path.parent.mkdir(parents=True)
    path.write_bytes(LISTS[text])
    dataset = VOCFolderDataset(str(tmp_path), 'train')
    images = [Path(dataset.get_data_info(i)['img_path']).stem for i in range(len(dataset))]
    assert images == ['a b', 'c']


@pytest.mark.parametrize(
    'line', ['a 1', 'a\t-1', '/JPEGImages/a.jpg /SegmentationClass/a.png', 'a.jpg a.png']
)
def test_columns_are_told_from_names_with_blanks(line: str, tmp_path: Path) -> None:
    put(tmp_path, 'JPEGImages/a.jpg', 'SegmentationClass/a.png', 0)
    path = tmp_path / 'ImageSets/Segmentation/train.txt'
    path.parent.mkdir(parents=True)
    path.write_text(f'{line}\n')
    with pytest.raises(UserError, match=r'train\.txt, line 1') as error:
        VOCFolderDataset(str(tmp_path), 'train')
    assert error.value.fault == 'two-columns'


TWINS = {
    'images': ('images/p1.png', ['p1.jpg', 'p1.png']),
    'images in capitals': ('images/p1.JPG', ['p1.jpg', 'p1.JPG']),
    'masks': ('masks/p1.bmp', ['p1.png', 'p1.bmp']),
}


@pytest.mark.parametrize('twin', TWINS)
def test_two_files_of_one_name_are_refused_by_name(
    twin: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for i in range(COUNT):
        put(tmp_path / 'own', f'images/p{i}.jpg', f'masks/p{i}.png', i)
    extra, named = TWINS[twin]
    Image.new('L', (WIDTH, HEIGHT)).save(tmp_path / 'own' / extra)
    assert new_config(tmp_path, tmp_path / 'own') == 2
    error = capsys.readouterr().err
    assert all(name in error for name in named), error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize('twin', TWINS)
def test_the_data_set_and_the_check_refuse_them_too(
    twin: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for i in range(COUNT):
        put(tmp_path / 'own', f'images/p{i}.jpg', f'masks/p{i}.png', i)
    assert new_config(tmp_path, tmp_path / 'own') == 0
    extra, named = TWINS[twin]
    Image.new('L', (WIDTH, HEIGHT)).save(tmp_path / 'own' / extra)
    suffixes = dict(
        image_dir=str(tmp_path / 'own/images'),
        mask_dir=str(tmp_path / 'own/masks'),
        img_suffix=('.jpg', '.JPG', '.png'),
        seg_map_suffix=['.png', '.bmp'],
    )
    with pytest.raises(UserError) as error:
        [VOCFolderDataset(str(tmp_path / 'mine_data'), s, **suffixes) for s in ('train', 'val')]
    assert all(name in str(error.value) for name in named)
    assert error.value.fault == 'several-files'
    config = tmp_path / 'both.py'
    config.write_text(
        "_base_ = './mine.py'\n"
        + ''.join(
            f'{role}_dataloader = dict(dataset=dict(img_suffix={suffixes["img_suffix"]}, '
            f'seg_map_suffix={suffixes["seg_map_suffix"]}))\n'
            for role in ('train', 'val', 'test')
        )
    )
    capsys.readouterr()
    assert check_dataset([str(config)]) == 2
    assert 'several-files' in capsys.readouterr().out


@pytest.mark.parametrize('name', [b'\xff\xfe', b'a\nb', b'a\rb'])
def test_names_that_no_list_can_hold_are_refused_in_a_sentence(
    name: bytes, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for i in range(2):
        put(tmp_path / 'own', f'images/p{i}.png', f'masks/p{i}.png', i)
    for folder in ('images', 'masks'):
        place = bytes(tmp_path / 'own' / folder)
        (tmp_path / 'own' / folder / 'p0.png').rename(
            place.decode() + '/' + name.decode(errors='surrogateescape') + '.png'
        )
    assert new_config(tmp_path, tmp_path / 'own') == 2
    error = capsys.readouterr().err
    assert 'rename the file' in error
    assert len(error.splitlines()) == 1


def test_what_is_left_out_is_counted_by_name(tmp_path: Path) -> None:
    for i in range(COUNT):
        put(tmp_path, f'images/p{i}.jpg', f'masks/p{i}.png', i)
    for name in ('images/._p0.jpg', 'masks/Thumbs.db', 'masks/__MACOSX/p0.png', 'images/lone.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = pair(tmp_path / 'images', tmp_path / 'masks')
    assert len(found.ids) == COUNT
    notes = '\n'.join(found.notes)
    assert '1 image (lone.png)' in notes
    assert '3 files (._p0.jpg, Thumbs.db, __MACOSX/)' in notes


def test_many_files_take_seconds(tmp_path: Path) -> None:
    from time import perf_counter

    for folder, ends in (('images', ('.jpg', '.JPG', '.png')), ('masks', ('.png', '_mask.png'))):
        (tmp_path / folder).mkdir()
        for i in range(20_000):
            (tmp_path / folder / f'{i:06}{ends[i % len(ends)]}').touch()
    start = perf_counter()
    found = pair(tmp_path / 'images', tmp_path / 'masks')
    assert len(found.ids) == 20_000
    assert perf_counter() - start < 10


@pytest.mark.parametrize(
    ('option', 'ids', 'words'),
    [
        ('a,,b', {0, 1}, '--classes a,,b: a name between two commas is missing'),
        ('a,b,', {0, 1}, 'a name between two commas is missing'),
        ('', {0, 299}, '300 classes: .* at most 256'),
    ],
)
def test_names_that_no_config_can_have_are_refused_before_it_is_written(
    tmp_path: Path, option: str, ids: set[int], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        class_names(tmp_path, option, ids)
