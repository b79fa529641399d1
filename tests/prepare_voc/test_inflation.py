"""Small files that unpack to large ones are refused by what they unpack to."""

import contextlib
import io
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from scipy.io import savemat
from voc_archives import mat, sbd_mask

from mmdeeplab.checkpoint.load import read_checkpoint
from mmdeeplab.datasets.image_io import decode_image
from mmdeeplab.datasets.prepare_voc.sbd import LARGEST, labels
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive_formats import UNPACKED_FREELY
from mmdeeplab.weights.readers.npz import read_npz

ZEROS = 400 << 20
PEAK = 100 << 20  # bytes that may be held while a bomb is refused


def mat_of(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    savemat(out, dict(GTcls=dict(Segmentation=array)), do_compression=True)
    return out.getvalue()


def held(act: Callable[[], object]) -> int:
    """The most bytes that were held at once."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_mask_of_sbd_is_read() -> None:
    np.testing.assert_array_equal(
        labels(mat(sbd_mask('2008_000002')), 'it'), sbd_mask('2008_000002')
    )


def test_a_mat_is_measured_by_what_it_unpacks_to() -> None:
    body = mat_of(np.zeros((6000, 6000), np.uint8))
    assert len(body) < LARGEST / 100

    def refuse() -> None:
        with pytest.raises(UserError, match=f'bomb.mat unpacks to more than {LARGEST:,} bytes'):
            labels(body, 'bomb.mat')

    assert held(refuse) < 3 * LARGEST


def test_parts_are_counted_together() -> None:
    part = mat_of(np.zeros((3000, 3000), np.uint8))[128:]
    with pytest.raises(UserError, match='unpacks to more'):
        labels(mat_of(np.zeros((3000, 3000), np.uint8)) + part, 'two.mat')


@pytest.mark.parametrize('name', ['bomb.npz', 'bomb.pth'])
def test_zips_of_weights(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    member = 'a.npy' if name.endswith('npz') else 'archive/data/0'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as out, out.open(member, 'w') as file:
        for _ in range(ZEROS >> 20):
            file.write(bytes(1 << 20))
    assert path.stat().st_size < UNPACKED_FREELY / 100

    def refuse() -> None:
        with pytest.raises(UserError, match='claim to unpack to 419,430,400'):
            (read_npz if name.endswith('npz') else read_checkpoint)(path)

    assert held(refuse) < PEAK


def test_plain_zeros_are_weights(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / 'zeros.npz', a=np.zeros((1000, 1000), np.float32))
    assert read_npz(tmp_path / 'zeros.npz')['a'].shape == (1000, 1000)


@pytest.mark.parametrize('chunk', ['zTXt', 'iCCP', 'iTXt'])
def test_chunks_of_a_picture(chunk: str) -> None:
    info = PngImagePlugin.PngInfo()
    packed = zlib.compress(bytes(64 << 20))
    head = dict(zTXt=b'a\0\0', iCCP=b'a\0\0', iTXt=b'a\0\1\0\0\0')[chunk]
    info.add(chunk.encode(), head + packed)
    out = io.BytesIO()
    Image.new('RGB', (8, 8)).save(out, 'PNG', pnginfo=info)

    def read() -> None:
        with contextlib.suppress(UserError):  # refused, or read without its text
            decode_image(out.getvalue(), 'bomb.png')

    assert held(read) < 32 << 20
