"""Recognise files with coordinates by the tags of a TIFF, without a library for geodata."""

import struct
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import open_regular

SUFFIXES = ('.tif', '.tiff')
TAGS = (33922, 34264, 34735, 50844)
"""Tie points, a transformation, geographic keys, rational polynomials: one of them is enough."""
ORIENTATION = 274
INSTALL = "pip install 'mmdeeplab[geo]'"


def has_coordinates(path: str | Path) -> bool:
    """Whether a file is a TIFF with the position of its pixels on the earth."""
    if Path(path).suffix.lower() not in SUFFIXES:
        return False
    try:
        with open_regular(path, 'image') as file:
            tags = _first_directory(file)
    except (UserError, OSError, SyntaxError, ValueError, struct.error):
        return False  # whoever reads its pixels reports the error
    return any(tag in tags for tag in TAGS)


def orientation(path: str | Path) -> int:
    """The tag Orientation of a TIFF, 1 to 8; 1 if it has none."""
    with open_regular(path, 'image') as file:
        return _first_directory(file).get(ORIENTATION, 1)


def installed() -> bool:
    """Whether rasterio is installed, which reads and writes coordinates."""
    return find_spec('rasterio') is not None


def _first_directory(file: BinaryIO) -> ImageFileDirectory_v2:
    header = file.read(8)
    if header[2:4] in (b'+\0', b'\0+'):  # BigTIFF
        header += file.read(8)
    tags = ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    return tags
