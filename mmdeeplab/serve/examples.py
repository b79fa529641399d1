"""The example pictures of the page: from a folder, or drawn."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from mmdeeplab.datasets.mini_voc.scene import draw_sample
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import is_system_file, read_bytes
from mmdeeplab.serve.limits import Refusal, RequestLimits
from mmdeeplab.serve.pictures import open_picture, unpack

MOST = 12
SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.avif')
THUMBNAIL = 320  # long side
DRAWN = (
    4,
    12,
    7,
    10,
    6,
    9,
)  # of the miniature VOC's validation images, see mmdeeplab.datasets.mini_voc
DRAWN_SIZE = 256


@dataclass(frozen=True)
class Example:
    """An example picture as it is sent to the browser.

    Attributes:
        name: Name of the picture, without suffix.
        media_type: HTTP's media type of its format.
        data: The contents of the file.
        thumbnail: A small JPEG of the picture.
    """

    name: str
    media_type: str
    data: bytes
    thumbnail: bytes


def from_folder(folder: str | Path, limits: RequestLimits) -> list[Example]:
    """The first :data:`MOST` pictures of a folder.

    Raises:
        UserError: The folder is missing or has no pictures, or the server would refuse one.
    """
    try:
        found = (p for p in Path(folder).iterdir() if not is_system_file(p.name))
        paths = sorted(p for p in found if p.suffix.lower() in SUFFIXES)[:MOST]
    except OSError as error:
        raise UserError(f'--examples {folder}: {error.strerror}') from error
    if not paths:
        raise UserError(f'--examples {folder}: no pictures there ({", ".join(SUFFIXES)})')
    examples = []
    for path in paths:
        try:
            data = read_bytes(path, 'picture')
            if len(data) > limits.max_bytes:
                raise Refusal(413, f'larger than the {limits.max_megabytes:g} MB of an upload')
            examples.append(_example(path.stem, data, open_picture(data, limits)))
        except Refusal as error:
            raise UserError(f'--examples: {path}: {error}') from error
    return examples


def drawn() -> list[Example]:
    """Example pictures drawn by the miniature VOC."""
    examples = []
    for index in DRAWN:
        picture = Image.fromarray(draw_sample(0, 1, index, DRAWN_SIZE).image)
        data = jpeg(picture)
        examples.append(_example(f'mini-VOC {index}', data, Image.open(io.BytesIO(data))))
    return examples


def _example(name: str, data: bytes, picture: Image.Image) -> Example:
    media_type = Image.MIME.get(picture.format or '', 'application/octet-stream')
    small = ImageOps.exif_transpose(unpack(picture)).convert('RGB')
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return Example(name, media_type, data, jpeg(small))


def jpeg(picture: Image.Image) -> bytes:
    """Encode a picture as JPEG."""
    file = io.BytesIO()
    picture.save(file, 'JPEG', quality=92, subsampling=0)
    return file.getvalue()
