"""What was made from a file is made again when the file is another one, whatever its time says."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmdeeplab.datasets.check import cache as seen
from mmdeeplab.datasets.decoded_cache import through_cache
from mmdeeplab.datasets.image_io import read_image
from mmdeeplab.fileio.file_stamp import stamp
from mmdeeplab.models.cpu_kernels.build import is_whole, with_checksum

Change = Callable[[Path, bytes], None]


def in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def in_place_with_the_old_time(path: Path, data: bytes) -> None:
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def by_another_file_with_the_old_time(path: Path, data: bytes) -> None:
    status = path.stat()
    other = path.with_name('other')
    other.write_bytes(data)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def with_a_clock_that_went_back(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.utime(path, (0, 0))


def through_a_link(path: Path, data: bytes) -> None:
    other = path.with_name('other')
    other.write_bytes(data)
    path.unlink()
    path.symlink_to(other)


CHANGES = [
    in_place,
    in_place_with_the_old_time,
    by_another_file_with_the_old_time,
    with_a_clock_that_went_back,
    through_a_link,
]


def picture(value: int) -> bytes:
    """A grey picture; two values give two files of one size."""
    return bytes(cv2.imencode('.bmp', np.full((4, 4, 3), value, np.uint8))[1])


@pytest.mark.parametrize('change', CHANGES)
def test_a_changed_file_has_another_stamp(change: Change, tmp_path: Path) -> None:
    path = tmp_path / 'a.bmp'
    path.write_bytes(picture(1))
    before = stamp(path)
    assert stamp(path) == before != []
    change(path, picture(2))
    assert stamp(path) != before


@pytest.mark.parametrize('change', CHANGES)
def test_decoded_pictures(change: Change, tmp_path: Path) -> None:
    path, kept = tmp_path / 'a.bmp', str(tmp_path / 'kept')
    path.write_bytes(picture(1))
    assert through_cache(kept, str(path), read_image).max() == 1
    change(path, picture(2))
    assert through_cache(kept, str(path), read_image).max() == 2


def test_a_decoded_picture_that_is_cut_is_made_again(tmp_path: Path) -> None:
    path, kept = tmp_path / 'a.bmp', tmp_path / 'kept'
    path.write_bytes(picture(1))
    through_cache(str(kept), str(path), read_image)
    (array,) = kept.iterdir()
    for size in (0, 40, len(array.read_bytes()) - 1):
        array.write_bytes(array.read_bytes()[:size])
        assert (through_cache(str(kept), str(path), read_image) == 1).all()


@pytest.mark.parametrize('change', CHANGES)
def test_what_the_check_has_seen(change: Change, tmp_path: Path) -> None:
    from mmdeeplab.datasets.check.scan import scan
    from mmdeeplab.datasets.check.source import Source

    image, mask = tmp_path / 'a.bmp', tmp_path / 'a.png'
    image.write_bytes(picture(1))
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(mask, compress_level=0)
    other = tmp_path / 'b.png'
    Image.fromarray(np.full((4, 4), 3, np.uint8)).save(other, compress_level=0)
    data = other.read_bytes()
    other.unlink()
    source = Source(tmp_path, 'val', tmp_path, tmp_path, ('.bmp',), ('.png',), ('a', 'b', 'c', 'd'))
    before = scan(source, ['a'], 0)['a']
    seen._loaded.clear()
    assert scan(source, ['a'], 0)['a'] == before
    change(mask, data)
    seen._loaded.clear()
    assert scan(source, ['a'], 0)['a'] != before


def test_compiled_kernels_are_whole(tmp_path: Path) -> None:
    path = tmp_path / 'kernels.so'
    assert not is_whole(path)
    whole = with_checksum(b'machine code')
    for data in (whole[:-1], whole[1:], whole[:-32], b'', b'machine c0de' + whole[-32:]):
        path.write_bytes(data)
        assert not is_whole(path)
    path.write_bytes(whole)
    assert is_whole(path)
