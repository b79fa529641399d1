"""Files read leanly against Pillow, which stays the judge of what is unusual or broken."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmdeeplab.datasets import fast_headers
from mmdeeplab.datasets.image_io import Header, decode_mask, read_header
from mmdeeplab.errors import UserError

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
        fast_headers.PNG
        + chunk(b'IHDR', head)
        + palette
        + extra
        + b''.join(data)
        + chunk(b'IEND', b'')
    )


def by_pillow(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize('colour', [fast_headers.GREY, fast_headers.PALETTE])
@pytest.mark.parametrize('parts', [1, 3])
@pytest.mark.parametrize('extra', [b'', chunk(b'tEXt', b'Title\0a'), chunk(b'gAMA', bytes(4))])
def test_common_masks_are_read(colour: int, parts: int, extra: bytes) -> None:
    data = png(colour=colour, parts=parts, extra=extra) + b'behind the end'
    found = fast_headers.png_ids(data)
    assert found is not None
    assert found[0] == Image.open(io.BytesIO(data)).mode
    np.testing.assert_array_equal(found[1], by_pillow(data))
    header, ids = decode_mask(data, 'a.png')
    assert header == read_header(data, 'a.png', 'mask') == Header('PNG', found[0], 56, 45, 1)
    ids[0, 0] = 1  # one's own


@pytest.mark.parametrize('shape', [(1, 56), (45, 1), (1, 1)])
def test_masks_of_one_row(shape: tuple) -> None:
    data = png(IDS[: shape[0], : shape[1]])
    header, ids = decode_mask(data, 'a.png')
    assert (header.height, header.width) == ids.shape == shape
    np.testing.assert_array_equal(ids, by_pillow(data))
    ids[0, 0] = 1


@pytest.mark.parametrize(
    'options',
    [
        dict(row_filter=2),
        dict(extra=chunk(b'tRNS', b'\0')),
        dict(depth=4, ids=np.zeros((8, 4), np.uint8)),  # two ids a byte
    ],
)
def test_unusual_masks_are_left_to_pillow(options: dict) -> None:
    if options.get('depth') == 4:
        out = io.BytesIO()
        Image.fromarray(options['ids'], 'P').save(out, 'PNG', bits=4)
        data = out.getvalue()
    else:
        data = png(**options)
    assert fast_headers.png_ids(data) is None
    np.testing.assert_array_equal(decode_mask(data, 'a.png')[1], by_pillow(data))


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
def test_broken_masks_are_refused_in_the_same_words(name: str) -> None:
    data = broken()[name]
    assert fast_headers.png_ids(data) is None
    with pytest.raises(UserError, match=r'a\.png'):
        decode_mask(data, 'a.png')


def test_rows_that_are_missing_are_left_to_pillow() -> None:
    data = png()
    place = data.index(b'IDAT') - 4
    for rows in (20, 46):
        packed = chunk(b'IDAT', zlib.compress(bytes(57 * rows)))
        assert fast_headers.png_ids(data[:place] + packed + chunk(b'IEND', b'')) is None


def test_a_small_file_that_unpacks_into_much_stays_small() -> None:
    bomb = zlib.compress(bytes(2**24))
    head = struct.pack('>IIBBBBB', 256, 256, 8, 3, 0, 0, 0)
    data = fast_headers.PNG + chunk(b'IHDR', head) + chunk(b'IDAT', bomb) + chunk(b'IEND', b'')
    assert fast_headers.png_ids(data) is None


def jpeg(mode: str = 'RGB', **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (31, 22)).save(out, 'JPEG', **options)
    return out.getvalue()


@pytest.mark.parametrize('mode', ['RGB', 'L'])
@pytest.mark.parametrize('progressive', [False, True])
def test_headers_of_jpegs(mode: str, progressive: bool) -> None:
    data = jpeg(mode, progressive=progressive, comment=b'a comment', icc_profile=bytes(99))
    assert fast_headers.jpeg_size(data) == (mode, 31, 22)
    picture = Image.open(io.BytesIO(data))
    assert read_header(data, 'a.jpg', 'image') == Header('JPEG', picture.mode, *picture.size, 1)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (22, 31, 3)


def test_unusual_and_broken_jpegs_are_left_to_pillow() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = jpeg(exif=turned)
    assert fast_headers.jpeg_size(data) is None
    assert read_header(data, 'a.jpg', 'image').orientation == 6
    assert fast_headers.jpeg_size(jpeg('CMYK')) is None
    assert read_header(jpeg('CMYK'), 'a.jpg', 'image').mode == 'CMYK'
    whole = jpeg()
    assert all(
        fast_headers.jpeg_size(whole[:end]) is None for end in range(whole.index(b'\xff\xda'))
    )
    with pytest.raises(UserError, match='cut'):
        read_header(whole[:-2], 'a.jpg', 'image')
