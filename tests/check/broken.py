"""A small folder in VOC's layout, and every way to break it."""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from mmdeeplab.visualization.voc_palette import voc_palette

SIZES = {'train': [(48, 36), (48, 36), (40, 48), (48, 36)], 'val': [(48, 36), (36, 48), (48, 40)]}
BAD = 1  # index of the sample that is broken


@dataclass
class Folder:
    """The folder, and one of its splits to break."""

    root: Path
    split: str

    @property
    def ids(self) -> list[str]:
        return [f'{self.split}_{i}' for i in range(len(SIZES[self.split]))]

    @property
    def id(self) -> str:
        return self.ids[BAD]

    @property
    def size(self) -> tuple[int, int]:
        return SIZES[self.split][BAD]

    @property
    def image(self) -> Path:
        return self.root / f'JPEGImages/{self.id}.jpg'

    @property
    def mask(self) -> Path:
        return self.root / f'SegmentationClass/{self.id}.png'

    @property
    def masks(self) -> list[Path]:
        return [self.mask.with_name(f'{name}.png') for name in self.ids]

    @property
    def list(self) -> Path:
        return self.root / f'ImageSets/Segmentation/{self.split}.txt'

    def lines(self, *lines: str, end: str = '\n', start: bytes = b'') -> None:
        self.list.write_bytes(start + ''.join(f'{line}{end}' for line in lines).encode())


def draw(root: Path) -> None:
    """Seven noisy images, 21 classes; every class is in every split."""
    for name in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (root / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, sizes in SIZES.items():
        folder = Folder(root, split)
        for i, (width, height) in enumerate(sizes):
            pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
            path = folder.image.with_name(f'{folder.ids[i]}.jpg')
            Image.fromarray(pixels).save(path, quality=95)
            ids = rng.integers(0, 21, (height, width), np.uint8)
            ids[:2] = 255
            save_mask(folder.masks[i], ids)
        folder.lines(*folder.ids)


def save_mask(path: Path, ids: np.ndarray) -> None:
    mask = Image.fromarray(ids.astype(np.uint8))
    mask.putpalette([value for colour in voc_palette() for value in colour])
    mask.save(path)


def config(root: Path, **train: object) -> Config:
    def loader(split: str) -> dict:
        return dict(
            dataset=dict(type='mmdeeplab.VOCFolderDataset', data_root=str(root), split=split)
        )

    cfg = Config(
        dict(
            train_dataloader=loader('train'),
            val_dataloader=loader('val'),
            test_dataloader=loader('val'),
        )
    )
    cfg.train_dataloader.dataset.update(train)
    return cfg


def ids_of(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def page(path: Path) -> None:
    path.write_text('<!DOCTYPE html><html><body>404 Not Found</body></html>')


def resized(folder: Folder, factor: float) -> None:
    mask = Image.open(folder.mask)
    mask.resize([round(side * factor) for side in mask.size], 0).save(folder.mask)


def coloured(path: Path) -> None:
    Image.open(path).convert('RGB').save(path)


def labelled(folder: Folder, value: int) -> None:
    ids = ids_of(folder.mask)
    ids[5, 5:9] = value
    save_mask(folder.mask, ids)


def sixteen(folder: Folder, value: int) -> None:
    ids = ids_of(folder.mask).astype(np.uint16)
    ids[5, 5] = value
    Image.fromarray(ids).save(folder.mask)


def filled(paths: list[Path], value: int) -> None:
    for path in paths:
        save_mask(path, np.full_like(ids_of(path), value))


def black_and_white(paths: list[Path]) -> None:
    for path in paths:
        save_mask(path, np.where(ids_of(path) < 10, 0, 255))


def converted(folder: Folder, mode: str) -> None:
    image = Image.open(folder.image).convert('L' if mode == 'I;16' else mode)
    if mode == 'I;16':
        image = Image.fromarray(np.array(image).astype(np.uint16) * 257)
    form = 'JPEG' if mode in ('L', 'CMYK') else 'PNG'
    image.save(folder.image, form)


def tagged(folder: Folder, turned_mask: bool) -> None:
    """EXIF orientation 6: stored on its side; viewers and OpenCV turn it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(folder.image)
    image.save(folder.image, exif=exif, quality=95)
    if turned_mask:
        save_mask(folder.mask, np.rot90(ids_of(folder.mask), -1))


def tiny(folder: Folder) -> None:
    Image.new('RGB', (1, 1), (9, 8, 7)).save(folder.image)
    save_mask(folder.mask, np.zeros((1, 1)))


def huge(folder: Folder) -> None:
    Image.new('RGB', (9000, 9000)).save(folder.image, quality=50)
    save_mask(folder.mask, np.ones((9000, 9000)))


def bomb(path: Path) -> None:
    """A PNG of 20,000 x 20,000 one-bit pixels in fifty kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
        )

    header = struct.pack('>IIBBBBB', 20000, 20000, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(20000 * 2501), 1)
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', pixels) + chunk(b'IEND', b'')
    )


def as_jpeg(folder: Folder) -> None:
    data = io.BytesIO()
    Image.fromarray(ids_of(folder.mask)).save(data, 'JPEG')
    folder.mask.write_bytes(data.getvalue())


def twin(folder: Folder) -> None:
    """A validation image among the training images, under another name."""
    other = Folder(folder.root, {'train': 'val', 'val': 'train'}[folder.split])
    folder.image.write_bytes(other.image.read_bytes())
    folder.mask.write_bytes(other.mask.read_bytes())


def outside(folder: Folder, name: str) -> None:
    folder.lines(*folder.ids[:BAD], name, *folder.ids[BAD + 1 :])


def renamed(folder: Folder) -> None:
    folder.image.rename(folder.image.with_suffix('.png'))


def suffixes(folder: Folder) -> None:
    folder.lines(*(f'{name}.jpg' for name in folder.ids))


def two_columns(folder: Folder) -> None:
    folder.lines(*(f'/J/{name}.jpg /S/{name}.png' for name in folder.ids))


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def linked(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


def socket_there(path: Path) -> None:
    path.unlink()
    bind_socket(path)


def bind_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)


def sparse(path: Path) -> None:
    with path.open('wb') as file:
        file.truncate(2**40)


Damage = Callable[[Folder], object]
READS, REFUSES = 'reads', 'refuses'


@dataclass
class Row:
    """One kind of bad input.

    Attributes:
        name: For people.
        fault: What the check must call it.
        damage: Breaks the folder.
        named: What the report must name: image, mask, masks, list.
        loader: Whether training's own loader, without the check, reads or refuses it.
    """

    name: str
    fault: str
    damage: Damage
    named: str
    loader: str = REFUSES


ROWS = [
    Row('truncated JPEG', 'truncated', lambda f: cut(f.image), 'image'),
    Row('truncated PNG', 'truncated', lambda f: cut(f.mask), 'mask'),
    Row('zero-byte JPEG', 'empty-file', lambda f: f.image.write_bytes(b''), 'image'),
    Row('zero-byte PNG', 'empty-file', lambda f: f.mask.write_bytes(b''), 'mask'),
    Row('HTML saved as .jpg', 'unreadable', lambda f: page(f.image), 'image'),
    Row('HTML saved as .png', 'unreadable', lambda f: page(f.mask), 'mask'),
    Row('noise saved as .jpg', 'unreadable', lambda f: f.image.write_bytes(b'\7' * 99), 'image'),
    Row('missing image', 'missing-image', lambda f: f.image.unlink(), 'image'),
    Row('missing mask', 'missing-mask', lambda f: f.mask.unlink(), 'mask'),
    Row('mask half size', 'size', lambda f: resized(f, 0.5), 'mask'),
    Row('mask double size', 'size', lambda f: resized(f, 2), 'mask'),
    Row('transposed mask', 'orientation', lambda f: save_mask(f.mask, ids_of(f.mask).T), 'mask'),
    Row('RGB mask', 'colour-mask', lambda f: coloured(f.mask), 'mask'),
    Row('RGB masks', 'colour-mask', lambda f: [coloured(m) for m in f.masks], 'mask'),
    Row('label 21', 'ids', lambda f: labelled(f, 21), 'mask'),
    Row('label 100', 'ids', lambda f: labelled(f, 100), 'mask'),
    Row('label 254', 'ids', lambda f: labelled(f, 254), 'mask'),
    Row('16-bit mask with 300', '16-bit', lambda f: sixteen(f, 300), 'mask'),
    Row('one mask all void', 'void', lambda f: filled([f.mask], 255), 'mask', READS),
    Row('all masks void', 'all-void', lambda f: filled(f.masks, 255), 'masks', READS),
    Row('grey image', 'converted', lambda f: converted(f, 'L'), 'image', READS),
    Row('CMYK image', 'converted', lambda f: converted(f, 'CMYK'), 'image', READS),
    Row('RGBA image', 'converted', lambda f: converted(f, 'RGBA'), 'image', READS),
    Row('16-bit image', 'converted', lambda f: converted(f, 'I;16'), 'image', READS),
    Row('PNG saved as .jpg', 'mistyped', lambda f: converted(f, 'RGBA'), 'image', READS),
    Row('mask saved as JPEG', 'lossy-mask', as_jpeg, 'mask'),
    Row('image called .png', 'missing-image', renamed, 'image'),
    Row('EXIF, mask on the stored', 'orientation', lambda f: tagged(f, False), 'mask'),
    Row('EXIF, mask on the upright', 'turned', lambda f: tagged(f, True), 'image', READS),
    Row('1x1', 'tiny', tiny, 'image', READS),
    Row('400 megapixels, image', 'too-large', lambda f: bomb(f.image), 'image'),
    Row('400 megapixels, mask', 'too-large', lambda f: bomb(f.mask), 'mask'),
    Row('named pipe, image', 'not-a-file', lambda f: piped(f.image), 'image'),
    Row('named pipe, mask', 'not-a-file', lambda f: piped(f.mask), 'mask'),
    Row('named pipe, list', 'not-a-file', lambda f: piped(f.list), 'list'),
    Row('folder, image', 'not-a-file', lambda f: folder_there(f.image), 'image'),
    Row('folder, mask', 'not-a-file', lambda f: folder_there(f.mask), 'mask'),
    Row('folder, list', 'not-a-file', lambda f: folder_there(f.list), 'list'),
    Row('socket, image', 'not-a-file', lambda f: socket_there(f.image), 'image'),
    Row('socket, mask', 'not-a-file', lambda f: socket_there(f.mask), 'mask'),
    Row('device, image', 'outside', lambda f: linked(f.image, '/dev/zero'), 'image'),
    Row('device, mask', 'outside', lambda f: linked(f.mask, '/dev/zero'), 'mask'),
    Row('loop of links, image', 'unreadable', lambda f: linked(f.image, f.image.name), 'image'),
    Row('loop of links, mask', 'unreadable', lambda f: linked(f.mask, f.mask.name), 'mask'),
    Row('loop of links, list', 'unreadable', lambda f: linked(f.list, f.list.name), 'list'),
    Row('terabyte, image', 'too-large', lambda f: sparse(f.image), 'image'),
    Row('terabyte, mask', 'too-large', lambda f: sparse(f.mask), 'mask'),
    Row('terabyte, list', 'too-large', lambda f: sparse(f.list), 'list'),
    Row('empty split', 'empty-list', lambda f: f.lines(), 'list'),
    Row('blank lines', 'blank-line', lambda f: f.lines(*f.ids, '', ''), 'list', READS),
    Row('only blank lines', 'empty-list', lambda f: f.lines('', ''), 'list'),
    Row('CRLF', 'crlf', lambda f: f.lines(*f.ids, end='\r\n'), 'list', READS),
    Row('BOM', 'bom', lambda f: f.lines(*f.ids, start=b'\xef\xbb\xbf'), 'list', READS),
    Row('UTF-16', 'list-encoding', lambda f: f.list.write_bytes('a\n'.encode('utf-16')), 'list'),
    Row('ids with extension', 'id-with-extension', suffixes, 'image'),
    Row('two-column list', 'two-columns', two_columns, 'list'),
    Row('missing split file', 'missing-list', lambda f: f.list.unlink(), 'list'),
    Row('train = val, by content', 'leak', twin, 'val image', READS),
    Row('../ ids', 'outside', lambda f: outside(f, '../../secret'), 'list'),
    Row('absolute ids', 'outside', lambda f: outside(f, '/etc/passwd'), 'list'),
    Row('backslashes', 'outside', lambda f: outside(f, r'..\secret'), 'list'),
    Row('0/255 masks', '0-255', lambda f: black_and_white(f.masks), 'masks', READS),
    Row('one 0/255 mask', 'only-0-and-255', lambda f: black_and_white([f.mask]), 'mask', READS),
]  # fmt: skip
