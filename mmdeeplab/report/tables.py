"""Write the numbers of an evaluation as CSV files for spreadsheets."""

import csv
from collections.abc import Iterable
from pathlib import Path

from mmdeeplab.console import one_line

COLUMNS = ('IoU', 'Acc', 'precision', 'recall', 'F1', 'frequency')


def write_tables(out: Path, metrics: dict) -> None:
    """Write ``OUT/per_class.csv`` (percent) and ``OUT/confusion.csv`` (pixels, rows: truth)."""
    rows = metrics['per_class']
    columns = [key for key in COLUMNS if any(key in row for row in rows.values())]
    head = ['class', *columns, 'IoU low', 'IoU high']
    body = (
        [name, *(row.get(key) for key in columns), *(row.get('interval') or (None, None))]
        for name, row in rows.items()
    )
    write(out / 'per_class.csv', [head, *body])
    if 'confusion' in metrics:
        names = list(rows)
        counts = ([name, *row] for name, row in zip(names, metrics['confusion'], strict=True))
        write(out / 'confusion.csv', [['truth \\ prediction', *names], *counts])


def write(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file; None is an empty cell.

    Text that a spreadsheet would take as a formula (it begins with ``=``, ``+``, ``-`` or ``@``)
    gets an apostrophe in front; control characters are escaped.
    """
    with path.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file, lineterminator='\n').writerows(map(cell, row) for row in rows)


def cell(value: object) -> object:
    """The cell for a value: numbers as they are, text so that no spreadsheet evaluates it."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.lstrip().startswith(('=', '+', '-', '@')) else text
