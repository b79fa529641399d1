"""The common formats of files read with few steps; whatever is unusual is left to Pillow.

Each function gives what Pillow gives, or None: for other formats, and for broken ones, which
Pillow then refuses in its words.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

PNG = b'\x89PNG\r\n\x1a\n'
GREY, PALETTE = 0, 3
IHDR = struct.Struct('>IIBBBBB')
UNUSUAL = (b'eXIf', b'acTL', b'tRNS')  # turned, moving or see-through
HEAD = 6  # bytes that zlib puts around the packed ones
MOST = 2**24  # pixels
FRAMES = (0xC0, 0xC1, 0xC2)  # JPEG's SOF markers that OpenCV reads, too
SCAN, APP1 = 0xDA, 0xE1


def png_ids(data: bytes) -> tuple[str, np.ndarray] | None:
    """Pillow's mode and pixels (H, W) uint8 of a grey or palette PNG of 8 bits, in one piece."""
    if not data.startswith(PNG):
        return None
    parts = list(_chunks(data))
    names = [name for name, _ in parts]
    if (
        names[:1] != [b'IHDR']
        or len(parts[0][1]) != IHDR.size
        or names[-1] != b'IEND'
        or any(n in UNUSUAL for n in names)
    ):
        return None
    width, height, depth, colour, *methods = IHDR.unpack(parts[0][1])
    size = height * (width + 1)  # each row begins with the number of its filter
    if depth != 8 or colour not in (GREY, PALETTE) or any(methods) or not 0 < size <= MOST:
        return None
    packed = b''.join(content for name, content in parts if name == b'IDAT')
    if len(packed) < HEAD or packed[0] & 0x0F != zlib.DEFLATED or packed[1] & 0x20:
        return None
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)  # without zlib's checksum: the chunks' are known
    try:
        rows = np.frombuffer(unpack.decompress(packed[2:-4], size + 1), np.uint8)
    except zlib.error:
        return None
    if rows.size != size or not unpack.eof or (rows := rows.reshape(height, width + 1))[:, 0].any():
        return None  # cut, or rows that are filtered
    return 'P' if colour == PALETTE else 'L', rows[:, 1:].copy()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of a PNG's chunks up to the first whose checksum is wrong."""
    place, name = len(PNG), b''
    while name != b'IEND' and place + 12 <= len(data):
        (length,) = struct.unpack_from('>I', data, place)
        named = data[place + 4 : place + 8 + length]
        checksum = data[place + 8 + length : place + 12 + length]
        if zlib.crc32(named).to_bytes(4, 'big') != checksum:
            yield b'', b''
            return
        name = named[:4]
        yield name, named[4:]
        place += 12 + length


def jpeg_size(data: bytes) -> tuple[str, int, int] | None:
    """Pillow's mode, width and height of a JPEG that has no EXIF and is grey or has 3 colours."""
    found, place = None, 2
    if data[:2] != b'\xff\xd8':
        return None
    while place + 10 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        (length,) = struct.unpack_from('>H', data, place + 2)
        if marker == SCAN:
            return found
        if marker == APP1 or not (0xC0 <= marker < 0xD0 or 0xDB <= marker < 0xF0 or marker == 0xFE):
            return None
        if marker in FRAMES:
            depth, height, width, colours = struct.unpack_from('>BHHB', data, place + 4)
            if depth != 8 or not height * width or colours not in (1, 3) or found:
                return None
            found = 'L' if colours == 1 else 'RGB', width, height
        place += 2 + length
    return None
