"""Encode pictures and label maps as files, by the fastest encoders."""

import io
import zlib

import cv2
import numpy as np

from mmdeeplab.visualization.colorize import palette_picture


def mask_png(labels: np.ndarray) -> bytes:
    """Encode class ids (H, W) below 256 as a palette PNG in VOC's colours.

    Label maps consist of runs, for which zlib's run-length strategy takes half the time of its
    usual one and no more bytes.
    """
    file = io.BytesIO()
    picture = palette_picture(labels)
    picture.save(file, 'PNG', compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()


def encode_picture(picture: np.ndarray, suffix: str = '.png') -> bytes:
    """Encode a picture, (H, W, 3) RGB or (H, W) grey uint8, as PNG (``.png``) or JPEG (``.jpg``).

    OpenCV writes a PNG in an eighth of Pillow's time; that of a photograph is 8 % larger.
    """
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(suffix, picture)
    if not done:
        raise ValueError(f'no encoder for {suffix}')
    return data.tobytes()
