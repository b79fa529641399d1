"""Protocol buffers written by hand, field by field, after the format's documentation."""

import numpy as np


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def floats(field: int, values: np.ndarray, packed: bool = True) -> bytes:
    data = values.astype('<f4').tobytes()
    if packed:
        return block(field, data)
    return b''.join(varint(field << 3 | 5) + data[i : i + 4] for i in range(0, len(data), 4))
