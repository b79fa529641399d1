"""Curves from the log that training writes."""

import json
import logging
from math import inf, nan
from pathlib import Path

import pytest
from PIL import Image

from mmdeeplab.report.curves import draw_curves, try_to_draw
from mmdeeplab.report.history import panels, read_history


def log(work: Path, name: str, rows: list[dict], tail: str = '') -> None:
    folder = work / name / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)) + '\n' + tail)


def test_sessions_are_joined_and_the_later_one_counts(tmp_path: Path) -> None:
    log(tmp_path, '20260101_1', [dict(step=s, loss=float(s), time=1.0) for s in (10, 20, 30)])
    log(tmp_path, '20260102_1', [dict(step=s, loss=-s) for s in (20, 40)], '{"step": 50, "lo')
    assert read_history(tmp_path) == dict(loss=[(10, 10.0), (20, -20), (40, -40)])


def test_a_line_that_is_no_utf_8_is_skipped(tmp_path: Path) -> None:
    log(tmp_path, 'a', [dict(step=1, loss=2.0)])
    with (tmp_path / 'a/vis_data/scalars.json').open('ab') as file:
        file.write('{"step": 2, "IoU/bär": 5}\n{"step": 3, "IoU/b'.encode() + b'\xc3')
    assert read_history(tmp_path) == {'loss': [(1, 2.0)], 'IoU/bär': [(2, 5)]}


def test_validations_counted_in_epochs_stand_where_they_were_made(tmp_path: Path) -> None:
    for session, epochs in (('a', (1, 2)), ('b', (3,))):
        rows = [(dict(step=9 * e, loss=float(e)), dict(step=e, mIoU=10.0 * e)) for e in epochs]
        log(tmp_path, session, [row for pair in rows for row in pair])
    assert read_history(tmp_path) == dict(
        loss=[(9, 1.0), (18, 2.0), (27, 3.0)], mIoU=[(9, 10.0), (18, 20.0), (27, 30.0)]
    )


def test_what_no_curve_can_show_is_skipped(tmp_path: Path) -> None:
    """Other programs log a loss that diverged, and have lines of their own."""
    rows = [dict(step=1, loss=2.0), dict(step=2, loss=inf, mIoU=nan), dict(step=3, loss=-inf)]
    log(tmp_path, 'a', [*rows, dict(step='4', loss=1.0), dict(step=None, loss=1.0)])
    assert read_history(tmp_path) == dict(loss=[(1, 2.0)])


def test_the_picture_is_drawn_from_what_there_is(tmp_path: Path) -> None:
    assert draw_curves(tmp_path) is None
    log(tmp_path, 'a', [dict(step=1, loss=2.0, lr=0.1), dict(step=2, mIoU=50.0)])
    with Image.open(draw_curves(tmp_path)) as picture:
        assert picture.width > 2.5 * picture.height  # three panels
    assert list(panels(read_history(tmp_path))) == ['Loss', 'Validation mIoU', 'Learning rate']


def test_a_picture_never_spoils_a_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log(tmp_path, 'a', [dict(step=1, loss=2.0)])
    (tmp_path / 'curves.png').mkdir()
    try_to_draw(tmp_path, logging.getLogger('curves'))
    assert 'no picture of the curves' in caplog.text
