"""Any kind of picture as one kind of array."""

import io
import tempfile
from pathlib import Path
from typing import Union

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from mmdeeplab.datasets.files import read_bytes
from mmdeeplab.datasets.loading import read_image
from mmdeeplab.errors import UserError

Picture = Union[str, Path, bytes, Image.Image, np.ndarray, Tensor]  # noqa: UP007  (3.10)
DOWNLOAD_LIMIT = 64 << 20  # bytes


def read_picture(picture: Picture) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a path, an https URL, the bytes of a file, a PIL image, or an array.

    Raises:
        UserError: Not an image, or of a shape or type that could mean several things.
    """
    if isinstance(picture, str) and '://' in picture:
        picture = download(picture)
    if isinstance(picture, (str, Path)):
        if Path(picture).suffix.lower() != '.gif':
            return np.ascontiguousarray(read_image(picture)[..., ::-1])
        picture = decode(read_bytes(picture, 'image'), str(picture))  # the first of its pictures
    if isinstance(picture, bytes):
        picture = decode(picture)
    if isinstance(picture, Image.Image):
        return np.array(ImageOps.exif_transpose(picture).convert('RGB'))
    if isinstance(picture, Tensor):
        return from_tensor(picture)
    if isinstance(picture, np.ndarray):
        return from_array(picture)
    raise UserError(f'not a picture: {type(picture).__name__}')


def from_array(array: np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W) uint8."""
    if array.dtype != np.uint8:
        raise UserError(f'an array of a picture is uint8 in 0..255, got {array.dtype}')
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, 2)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise UserError(f'an array of a picture is (H, W, 3) or (H, W), got {array.shape}')
    return np.ascontiguousarray(array)


def from_tensor(tensor: Tensor) -> np.ndarray:
    """(3, H, W), uint8 or float in 0..1."""
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise UserError(f'a tensor of a picture is (3, H, W), got {tuple(tensor.shape)}')
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        if not bool(((tensor >= 0) & (tensor <= 1)).all()):
            raise UserError('a float tensor of a picture lies in 0..1')
        tensor = (tensor.float() * 255).round().to(torch.uint8)
    return from_array(tensor.permute(1, 2, 0).numpy())


def decode(data: bytes, name: str = 'these bytes') -> Image.Image:
    """A picture out of the bytes of a file."""
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f'not an image, or a broken one: {name} ({len(data)} bytes)') from error
    return picture


def download(url: str) -> bytes:
    """The file at an https address, up to :data:`DOWNLOAD_LIMIT`."""
    from mmdeeplab.download import fetch

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'picture'
        fetch(url, path, max_size=DOWNLOAD_LIMIT, quiet=True)
        return path.read_bytes()
