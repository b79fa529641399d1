"""Read the wire format of protocol buffers: fields by number, without a schema."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mmdeeplab.errors import UserError
from mmdeeplab.weights.table import Array

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}


class DamagedError(UserError):
    """The bytes are not a message of this format, or are cut off."""


class Message(NamedTuple):
    """A message whose fields are looked up by their numbers in the schema."""

    data: memoryview

    def fields(self) -> Iterator[tuple[int, 'int | Message']]:
        """Yield the number and the value of every field: an integer, or the bytes of other types.

        Raises:
            DamagedError: The bytes are not of the wire format.
        """
        at = 0
        while at < len(self.data):
            tag, at = self.varint(at)
            number, wire_type = tag >> 3, tag & 7
            if wire_type == VARINT:
                value, at = self.varint(at)
                yield number, value
                continue
            if wire_type == BYTES:
                length, at = self.varint(at)
            elif wire_type in WIDTHS:
                length = WIDTHS[wire_type]
            else:
                raise DamagedError(f'no field starts at byte {at}')
            if at + length > len(self.data):
                raise DamagedError(f'cut short: {at + length - len(self.data)} bytes are missing')
            yield number, Message(self.data[at : at + length])
            at += length

    def varint(self, at: int) -> tuple[int, int]:
        """The integer at byte ``at``, with seven bits per byte, and the position behind it."""
        value = 0
        for i in range(10):
            if at + i >= len(self.data):
                raise DamagedError('cut short within a number')
            byte = self.data[at + i]
            value |= (byte & 127) << 7 * i
            if byte < 128:
                return value, at + i + 1
        raise DamagedError(f'no number at byte {at}')

    def messages(self, number: int) -> list['Message']:
        """The messages, strings or packed lists in a field, in order."""
        values = [value for n, value in self.fields() if n == number]
        if not all(isinstance(value, Message) for value in values):
            raise DamagedError(f'field {number} is a number')
        return values  # type: ignore[return-value]

    def message(self, number: int) -> 'Message':
        """The message in a field, an empty one if there is none."""
        return (self.messages(number) or [Message(memoryview(b''))])[-1]

    def text(self, number: int) -> str:
        """The string in a field, empty if there is none."""
        return bytes(self.message(number).data).decode(errors='replace')

    def number(self, number: int) -> int:
        """The integer in a field, zero if there is none."""
        values = [value for n, value in self.fields() if n == number]
        if not all(isinstance(value, int) for value in values):
            raise DamagedError(f'field {number} is no whole number')
        return values[-1] if values else 0  # type: ignore[return-value]

    def integers(self, number: int) -> list[int]:
        """The integers of a repeated field, packed or not."""
        result: list[int] = []
        for n, value in self.fields():
            if n != number:
                continue
            if isinstance(value, int):
                result.append(value)
                continue
            at = 0
            while at < len(value.data):
                integer, at = value.varint(at)
                result.append(integer)
        return result

    def values(self, number: int, dtype: str) -> Array:
        """The floats of a repeated field, packed or not, as the NumPy type ``dtype``."""
        messages = self.messages(number)
        data = messages[0].data if len(messages) == 1 else b''.join(m.data for m in messages)
        return numbers(data, dtype)


def numbers(data: 'memoryview | bytes', dtype: str) -> Array:
    """The bytes as an array (N,) of the NumPy type ``dtype``."""
    try:
        return np.frombuffer(data, dtype)
    except ValueError as error:
        raise DamagedError(f'{len(data)} bytes are no numbers of type {dtype}') from error


def shaped(values: Array, shape: list[int]) -> Array:
    """``values`` reshaped to ``shape``, checked, since a damaged file may contradict itself."""
    try:
        return values.reshape(shape)
    except (ValueError, OverflowError) as error:
        raise DamagedError(f'{values.size} numbers have not the shape {tuple(shape)}') from error
