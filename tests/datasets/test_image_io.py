"""Masks and headers of files made by hand, byte by byte, whole and broken."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmdeeplab.datasets.image_io import (
    TURNS,
    Header,
    decode_bands,
    decode_image,
    read_header,
    read_image,
)
from mmdeeplab.datasets.mask_io import decode_mask
from mmdeeplab.datasets.stored_images import decode_stored
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import list_files

GREY, PALETTE = 0, 3  # colour types of PNG
IDS = np.random.default_rng(0).integers(0, 21, (5, 7), dtype=np.uint8).repeat(9, 0).repeat(8, 1)


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack('>I', len(content)) + name + content + struct.pack('>I', checksum)


def png(
    ids: np.ndarray = IDS,
    colour: int = 3,
    depth: int = 8,
    row_filter: int = 0,
    interlaced: int = 0,
    extra: bytes = b'',
    parts: int = 1,
) -> bytes:
    """A PNG by hand; filters 0 (none) and 2 (minus the row above)."""
    above = np.vstack([np.zeros_like(ids[:1]), ids[:-1]])
    rows = ids - above if row_filter == 2 else ids
    named = np.hstack([np.full((len(ids), 1), row_filter, np.uint8), rows])
    packed = zlib.compress(named.tobytes())
    step = -(-len(packed) // parts)
    head = struct.pack('>IIBBBBB', ids.shape[1], ids.shape[0], depth, colour, 0, 0, interlaced)
    palette = chunk(b'PLTE', bytes(range(256)) * 3) if colour == 3 else b''
    data = [chunk(b'IDAT', packed[i : i + step]) for i in range(0, len(packed), step)]
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', head)
        + palette
        + extra
        + b''.join(data)
        + chunk(b'IEND', b'')
    )


@pytest.mark.parametrize('colour', [GREY, PALETTE])
@pytest.mark.parametrize('parts', [1, 3])
@pytest.mark.parametrize('extra', [b'', chunk(b'tEXt', b'Title\0a'), chunk(b'gAMA', bytes(4))])
def test_masks_are_read(colour: int, parts: int, extra: bytes) -> None:
    data = png(colour=colour, parts=parts, extra=extra) + b'behind the end'
    header, ids = decode_mask(data, 'a.png')
    mode = 'P' if colour == PALETTE else 'L'
    assert header == read_header(data, 'a.png', 'mask') == Header('PNG', mode, 56, 45, 1)
    np.testing.assert_array_equal(ids, IDS)
    ids[0, 0] = 1  # one's own


@pytest.mark.parametrize('shape', [(1, 56), (45, 1), (1, 1)])
def test_masks_of_one_row(shape: tuple) -> None:
    data = png(IDS[: shape[0], : shape[1]])
    header, ids = decode_mask(data, 'a.png')
    assert (header.height, header.width) == ids.shape == shape
    np.testing.assert_array_equal(ids, IDS[: shape[0], : shape[1]])


@pytest.mark.parametrize('options', [dict(row_filter=2), dict(extra=chunk(b'tRNS', b'\0'))])
def test_filtered_and_transparent_masks(options: dict) -> None:
    np.testing.assert_array_equal(decode_mask(png(**options), 'a.png')[1], IDS)


def test_masks_of_two_ids_a_byte() -> None:
    ids, out = np.arange(32, dtype=np.uint8).reshape(8, 4) % 16, io.BytesIO()
    picture = Image.fromarray(ids, 'P')
    picture.putpalette([level for level in range(16) for _ in range(3)])
    picture.save(out, 'PNG', bits=4)
    assert out.getvalue()[24] == 4  # bits
    np.testing.assert_array_equal(decode_mask(out.getvalue(), 'a.png')[1], ids)


def broken() -> dict[str, bytes]:
    whole = png()
    place = whole.index(b'IDAT') + 10
    wrong = bytearray(whole)
    wrong[place] ^= 1
    head = whole[: whole.index(b'IDAT') - 4]
    return {
        'a wrong checksum': bytes(wrong),
        'cut': whole[:place],
        'without its end': whole[:-12],
        'a short header': whole.replace(chunk(b'IHDR', whole[16:29]), chunk(b'IHDR', b'')),
        'no zlib': head + chunk(b'IDAT', b'\x78\x9cnonsense') + chunk(b'IEND', b''),
        'no rows at all': head + chunk(b'IEND', b''),
    }


@pytest.mark.parametrize('name', broken())
def test_broken_masks_are_refused(name: str) -> None:
    data = broken()[name]
    with pytest.raises(UserError, match=r'a\.png'):
        decode_mask(data, 'a.png')


def jpeg(mode: str = 'RGB', **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (31, 22)).save(out, 'JPEG', **options)
    return out.getvalue()


@pytest.mark.parametrize('mode', ['RGB', 'L'])
@pytest.mark.parametrize('progressive', [False, True])
def test_headers_of_jpegs(mode: str, progressive: bool) -> None:
    data = jpeg(mode, progressive=progressive, comment=b'a comment', icc_profile=bytes(99))
    assert read_header(data, 'a.jpg', 'image') == Header('JPEG', mode, 31, 22, 1)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (22, 31, 3)


def test_turned_cmyk_and_cut_jpegs() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = jpeg(exif=turned)
    assert read_header(data, 'a.jpg', 'image').orientation == 6
    assert read_header(jpeg('CMYK'), 'a.jpg', 'image').mode == 'CMYK'
    whole = jpeg()
    with pytest.raises(UserError, match='cut'):
        read_header(whole[:-2], 'a.jpg', 'image')


@pytest.mark.parametrize(
    ('suffix', 'options', 'error'), [('jp2', {}, 0), ('avif', dict(quality=95), 12)]
)
def test_pictures_of_satellites_and_phones(
    suffix: str, options: dict, error: int, tmp_path: Path
) -> None:
    small = np.random.default_rng(1).integers(40, 200, (4, 5, 3), dtype=np.uint8)
    rgb = cv2.resize(small, (50, 40), interpolation=cv2.INTER_LINEAR)
    Image.fromarray(rgb).save(tmp_path / f'a.{suffix}', **options)
    assert list_files(tmp_path).names == (f'a.{suffix}',)
    read = read_image(tmp_path / f'a.{suffix}')[..., ::-1]
    assert np.abs(read.astype(int) - rgb).max() <= error


@pytest.mark.parametrize('turn', range(1, 9))
def test_avif_is_turned_as_pillow_turns_it(turn: int, tmp_path: Path) -> None:
    """Pillow writes the turn into the container (irot, imir), as phones do."""
    rgb = np.zeros((24, 40, 3), np.uint8)
    rgb[:12, :20, 0] = rgb[12:, :20, 1] = rgb[:12, 20:, 2] = 250
    tag = Image.Exif()
    tag[0x0112] = turn
    Image.fromarray(rgb).save(tmp_path / 'a.avif', exif=tag, quality=100)
    with Image.open(tmp_path / 'a.avif') as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture).convert('RGB'))
    np.testing.assert_array_equal(read_image(tmp_path / 'a.avif')[..., ::-1], upright)
    assert (upright.shape[0] == 40) == (turn >= 5)


def test_a_cut_avif_is_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / 'a.avif')
    data = (tmp_path / 'a.avif').read_bytes()
    (tmp_path / 'a.avif').write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(UserError, match=r'a\.avif'):
        read_image(tmp_path / 'a.avif')


def test_a_tiff_of_floats_is_not_called_broken(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 5), np.float32)).save(tmp_path / 'a.tif')
    with pytest.raises(UserError, match=r'float32, which are not RGB.*LoadImage'):
        read_image(tmp_path / 'a.tif')


@pytest.mark.parametrize('turn', range(1, 9))
def test_a_tiff_is_read_without_its_alpha_and_turned(turn: int) -> None:
    """As a PNG is; OpenCV would multiply its colours by the alpha."""
    rgba = np.random.default_rng(0).integers(0, 256, (24, 40, 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, 'TIFF', tiffinfo={0x0112: turn})
    header, image = decode_image(file.getvalue(), 'a.tif')
    assert (header.height, header.width, header.swaps) == (24, 40, turn >= 5)
    stored = Image.fromarray(rgba[..., :3])
    upright = stored if turn == 1 else stored.transpose(TURNS[turn])
    np.testing.assert_array_equal(image[..., ::-1], upright)


@pytest.mark.parametrize('packing', ['zstd', 'lzma'])
def test_a_tiff_that_opencv_does_not_unpack(packing: str) -> None:
    tifffile = pytest.importorskip('tifffile')
    pytest.importorskip('imagecodecs')
    rgb = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    file = io.BytesIO()
    tifffile.imwrite(file, rgb, photometric='rgb', compression=packing)
    np.testing.assert_array_equal(decode_image(file.getvalue(), 'a.tif')[1][..., ::-1], rgb)


@pytest.mark.parametrize('brand', [b'heic', b'heix', b'heim', b'heis', b'mif1', b'msf1'])
@pytest.mark.parametrize('what', ['image', 'mask'])
def test_heic_is_named(brand: bytes, what: str) -> None:
    data = bytes([0, 0, 0, 24]) + b'ftyp' + brand + bytes(500)
    with pytest.raises(UserError, match=r'a\.heic is .* HEIC, as of an iPhone: save it as JPEG'):
        read_header(data, 'a.heic', what)


def test_a_header_that_opencv_refuses_gets_a_sentence() -> None:
    file = io.BytesIO()
    Image.new('RGB', (4, 4)).save(file, 'BMP')
    wide = bytearray(file.getvalue())
    wide[18:22] = struct.pack('<i', 2**23)  # pixels in a row; OpenCV takes 2**20 at most
    for decode in (decode_image, decode_stored, lambda data, path: decode_bands(data, 3, path)):
        with pytest.raises(UserError, match=r'a\.bmp is broken'):
            decode(bytes(wide), 'a.bmp')
