"""Spreadsheets are data: no cell of them is run."""

import csv
from pathlib import Path

import pytest

from mmdeeplab.report.tables import write_tables

NAMES = ['=1+1', '+cmd', '-a', '@SUM(A1)', ' =1', 'a\x1b[31m\nb', 'plain', '1e5', 'a=b', 'a,"b"']


@pytest.mark.parametrize('file', ['per_class.csv', 'confusion.csv'])
def test_cells_are_no_formulas(file: str, tmp_path: Path) -> None:
    rows = {name: dict(IoU=-1.5, Acc=None) for name in NAMES}
    counts = [[0] * len(NAMES)] * len(NAMES)
    write_tables(tmp_path, dict(per_class=rows, confusion=counts))
    with (tmp_path / file).open(newline='') as opened:
        table = list(csv.reader(opened))
    shown = [row[0] for row in table[1:]]
    assert [cell[0] for cell in shown[:5]] == ["'"] * 5
    assert [cell[1:] for cell in shown[:5]] == NAMES[:5]
    assert shown[5] == r'a\x1b[31m\nb'
    assert shown[6:] == NAMES[6:]
    assert table[1][1] == ('-1.5' if file == 'per_class.csv' else '0')
    assert not any(cell.startswith(('=', '+', '@')) for row in table for cell in row)
