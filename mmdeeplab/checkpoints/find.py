"""Which checkpoint of a folder to go on from: the newest that is whole."""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.checkpoints.layout import Damaged, read_header, verify

POINTER = 'last_checkpoint'
NUMBERED = re.compile(r'(iter|epoch)_(\d+)\.(safetensors|pth)')


class Found(NamedTuple):
    """The newest whole checkpoint, if any, and a sentence for each newer one that is not."""

    path: Path | None
    damaged: list[str]


def read_summary(path: Path) -> dict:
    """``started`` (when the run began, seconds since 1970), ``iter`` and ``seed`` of a checkpoint.

    Raises:
        Damaged: It is no checkpoint of ours.
    """
    meta = read_header(path).get('__metadata__', {})
    try:
        return dict(json.loads(meta['summary']))
    except (KeyError, ValueError, TypeError) as error:
        raise Damaged('it is no checkpoint of a training') from error


def candidates(folder: Path, out_dir: str | None = None) -> list[Path]:
    """Every ``iter_N`` and ``epoch_N`` of a folder, and what ``last_checkpoint`` names.

    That file holds a name relative to its folder; only the name counts where it is absolute, so
    that a folder may move. It is a hint and may be missing or out of date. What lies neither in the
    folder nor in that of ``out_dir`` (the checkpoint hook's) is not looked at.
    """
    homes = [folder, *([Path(out_dir) / folder.name] if out_dir else [])]
    found = {path for home in homes for path in home.glob('*') if NUMBERED.fullmatch(path.name)}
    pointer = folder / POINTER
    if pointer.is_file():
        text = pointer.read_text(errors='replace').replace('\0', '').strip()
        hint = Path(text or 'nothing')
        found.add(folder / (hint.name if hint.is_absolute() else hint))
    real = {Path(os.path.realpath(path)): path for path in found}  # links may form a loop
    inside = [p for p in real if any(p.is_relative_to(home.resolve()) for home in homes)]
    return sorted(real[path] for path in inside if path.is_file())


def _age(path: Path) -> tuple[float, int]:
    """By the start of the run, then by iteration: an older run's files never win by number."""
    match = NUMBERED.fullmatch(path.name)
    number = int(match[2]) if match else 0
    if path.suffix == '.pth':
        return 0.0, number
    try:
        summary = read_summary(path)
        return float(summary['started']), int(summary['iter'])
    except (OSError, Damaged, KeyError, TypeError, ValueError):
        return float('inf'), number  # looked at, named and passed over


def newest_valid(folder: str | Path, out_dir: str | None = None) -> Found:
    """Look at the content of the files, the newest first, until one is whole."""
    damaged: list[str] = []
    for path in sorted(candidates(Path(folder), out_dir), key=_age, reverse=True):
        try:
            if path.suffix == '.pth':
                _read_pth(path)
            elif verify(path) is None:
                raise Damaged('it is no checkpoint of a training')
            return Found(path, damaged)
        except (OSError, ValueError) as error:
            damaged.append(f'{path} is passed over: {error}')
    return Found(None, damaged)


def _read_pth(path: Path) -> None:
    from mmdeeplab.engine.checkpoint import read_checkpoint

    read_checkpoint(path)
