"""The numbers of an evaluation for spreadsheets."""

import csv
from collections.abc import Iterable
from pathlib import Path

COLUMNS = ('IoU', 'Acc', 'precision', 'recall', 'F1', 'frequency')


def write_tables(out: Path, metrics: dict) -> None:
    """``OUT/per_class.csv`` (percent) and ``OUT/confusion.csv`` (pixels; rows are the truth)."""
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
    """A CSV file; None is an empty cell."""
    with path.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file, lineterminator='\n').writerows(rows)
