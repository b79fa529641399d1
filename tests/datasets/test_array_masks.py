"""Masks in NPY files."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdeeplab.datasets.mask_io import check_ids, decode_mask, read_mask
from mmdeeplab.datasets.transforms import LoadMask
from mmdeeplab.errors import UserError

IDS = np.random.default_rng(0).integers(0, 7, (5, 8))


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path('/nowhere/bomb').mkdir, ()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize('kind', ['bool', 'int8', 'uint8', 'int16', '>i4', 'int64', 'uint64'])
@pytest.mark.parametrize('order', ['C', 'F'])
def test_whole_numbers_are_ids(kind: str, order: str) -> None:
    stored = np.array(IDS > 3 if kind == 'bool' else IDS, kind, order=order)
    header, ids = decode_mask(npy(stored), 'a.npy')
    assert (header.format, header.height, header.width) == ('NPY', 5, 8)
    assert ids.dtype == np.uint8
    assert np.array_equal(ids, stored)


@pytest.mark.parametrize('value', [-1, 256, 70_000])
def test_ids_that_are_no_bytes_are_named(value: int, tmp_path: Path) -> None:
    np.save(tmp_path / 'a.npy', np.full((2, 3), value))
    ids = read_mask(tmp_path / 'a.npy')
    assert np.array_equal(ids, np.full((2, 3), value))
    with pytest.raises(UserError, match=f'label {value} in .*a.npy'):
        check_ids(ids, 7, tmp_path / 'a.npy')


@pytest.mark.parametrize(
    ('data', 'fault', 'words'),
    [
        (npy(IDS.astype(np.float32)), 'pixels', r'\(5, 8\) of float32'),
        (npy(IDS[..., None].repeat(2, 2)), 'pixels', r'\(5, 8, 2\) of int64'),
        (npy(IDS[:0]), 'pixels', r'\(0, 8\)'),
        (npy(np.array([[Bomb()]], object)), 'pixels', 'of object'),
        (npy(IDS)[:-1], 'unreadable', 'broken'),
        (npy(IDS)[:9], 'unreadable', 'broken'),
        (npy(IDS).replace(b'(5, 8)', b'(5,8e9)'), 'unreadable', 'broken'),
        (npy(IDS).replace(b'(5, 8), ', b'(1<<40,)'), 'unreadable', 'broken'),
        (npy(IDS).replace(b'(5, 8), }   ', b'(50000, 8000)}'), 'too-large', 'too large'),
    ],
)
def test_other_arrays_are_refused(data: bytes, fault: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        decode_mask(data, 'a.npy')
    assert error.value.fault == fault
    assert 'a.npy' in str(error.value)


def test_training_reads_them(tmp_path: Path) -> None:
    np.save(tmp_path / 'a.npy', IDS)
    Image.fromarray(IDS.astype(np.uint8)).save(tmp_path / 'a.png')
    loaded = []
    for name in ('a.npy', 'a.png'):
        results = dict(seg_map_path=str(tmp_path / name), img_path='a.jpg', ori_shape=(5, 8))
        results |= dict(seg_fields=[], num_classes=7)
        loaded.append(LoadMask().transform(results)['gt_seg_map'])
    assert np.array_equal(*loaded)
    assert loaded[0].dtype == np.uint8
