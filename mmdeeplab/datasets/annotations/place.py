"""Read checked values from annotation files; errors name the file and the object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import MAX_BYTES, read_bytes

T = TypeVar('T')
_TYPE_NAMES = {
    int: 'a whole number',
    float: 'a number',
    str: 'text',
    list: 'a list',
    dict: 'an object',
}


@dataclass(frozen=True)
class Place:
    """A part of an annotation file, for messages.

    Attributes:
        file: The file.
        part: The part in words, such as ``annotation 17``; empty for the whole file.
    """

    file: Path
    part: str = ''

    def at(self, part: object) -> Place:
        """The place of a part of this one."""
        return Place(self.file, f'{self.part}, {part}' if self.part else str(part))

    def error(self, message: str) -> UserError:
        """The error to raise about something that is wrong here."""
        return UserError(f'{self.file}{", " if self.part else ""}{self.part}: {message}')

    def value(self, mapping: object, key: str, value_type: type[T]) -> T:
        """``mapping[key]``, checked to exist and to be of the type ``value_type``.

        Raises:
            UserError: It is missing or of another type, or NaN or infinite.
        """
        if not isinstance(mapping, Mapping) or key not in mapping:
            raise self.error(f'there is no "{key}"')
        value: Any = mapping[key]
        fits = isinstance(value, (int, float) if value_type is float else value_type)
        if not fits or (isinstance(value, bool) and value_type in (int, float)):
            raise self.error(f'"{key}" is {_shown(value)}, not {_TYPE_NAMES[value_type]}')
        if value_type is float and not _is_finite(value):
            raise self.error(f'"{key}" is {_shown(value)}, which is not finite')
        return value

    def size(self, mapping: object) -> tuple[int, int]:
        """(height, width) from the keys ``height`` and ``width``, checked to be above 0."""
        height, width = (self.value(mapping, key, int) for key in ('height', 'width'))
        if min(height, width) < 1:
            raise self.error(f'the picture is {width} x {height} pixels large')
        return height, width

    def ring(self, numbers: Sequence[object]) -> tuple[float, ...]:
        """The points x, y, x, y, ... of a polygon, checked to be at least three.

        Raises:
            UserError: There are fewer points, an odd count of numbers, or numbers that are not
                finite.
        """
        wrong = [n for n in numbers if isinstance(n, bool) or not isinstance(n, (int, float))]
        wrong = wrong or [n for n in numbers if not _is_finite(n)]  # type: ignore[arg-type]
        if wrong:
            raise self.error(f'the polygon has {_shown(wrong[0])} among its coordinates')
        if len(numbers) % 2:
            raise self.error(f'the polygon has {len(numbers)} numbers, x without y')
        if len(numbers) < 6:
            raise self.error(
                f'the polygon has {len(numbers) // 2} point{"s" * (len(numbers) != 2)}, three are '
                'the least'
            )
        return tuple(float(n) for n in numbers)  # type: ignore[arg-type]

    def pairs(self, points: Sequence[object]) -> tuple[float, ...]:
        """The coordinates of a list of points (x, y) in a row, checked as in :meth:`ring`."""
        for point in points:
            if not isinstance(point, (list, tuple)) or len(point) != 2:
                raise self.error(f'the point {_shown(point)} is not x and y')
        return self.ring([number for point in points for number in point])  # type: ignore[attr-defined]


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # JSON's whole numbers have no bounds
        return False


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f'{text[:40]}...'


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: The file is cut off or not JSON.
    """
    data = read_bytes(path, 'annotation file', MAX_BYTES)
    try:
        return json.loads(data)
    except RecursionError:
        raise UserError(f'{path} is nested too deeply for a file of annotations') from None
    except ValueError as error:
        raise UserError(f'{path} is no JSON, or cut off ({error}); export it again') from error
