"""Read the numbers that training logged: MMEngine's ``TIMESTAMP/vis_data/scalars.json``."""

import json
from math import isfinite
from pathlib import Path

History = dict[str, list[tuple[float, float]]]
# Logged numbers about the machine or the progress, not about learning.
LEFT_OUT = ('time', 'data_time', 'data_share', 'memory', 'iter', 'epoch', 'step')


def read_history(work_dir: str | Path) -> History:
    """All logged numbers of a work dir: name -> [(step, value), ...] by increasing step.

    Several sessions are joined: a later one replaces what an earlier one logged from its first step
    on. Incomplete lines, left by a killed process, and NaN and Inf are skipped.
    """
    history: History = {}
    for log in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        rows = read_rows(log)
        if not rows:
            continue
        start = min(row['step'] for row in rows)
        # a validation may be all that a later session logged of its first step
        relogged = {name for row in rows if row['step'] == start for name in row}
        history = {
            name: [p for p in points if p[0] < start or (p[0] == start and name not in relogged)]
            for name, points in history.items()
        }
        for row in rows:
            for name, value in row.items():
                if name not in LEFT_OUT and is_number(value):
                    history.setdefault(name, []).append((row['step'], value))
    return {name: points for name, points in history.items() if points}


def read_rows(log: Path) -> list[dict]:
    """The complete lines of a log that have a step, in order.

    MMEngine's ``log_metric_by_epoch`` counts the steps of validations in epochs; they get the step
    of the training before them.
    """
    rows: list[dict] = []
    for line in log.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # no JSON, or no UTF-8
            continue
        if isinstance(row, dict) and is_number(row.get('step')):
            last = rows[-1]['step'] if rows else row['step']
            rows.append(row | dict(step=max(row['step'], last)))
    return rows


def is_number(value: object) -> bool:
    """Whether a value is a number that can be drawn."""
    return isinstance(value, (int, float)) and isfinite(value)


def panels(history: History) -> dict[str, History]:
    """The panels to draw: title -> curves that share an axis."""
    layout = {
        'Loss': {'training': 'loss', 'validation': 'val/loss'},
        'Validation mIoU': {'mIoU': 'mIoU'},
        'Learning rate': {'learning rate': 'lr'},
    }
    chosen = {
        title: {label: history[name] for label, name in names.items() if name in history}
        for title, names in layout.items()
    }
    return {title: curves for title, curves in chosen.items() if curves}
