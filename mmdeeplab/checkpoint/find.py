"""Which checkpoint of a folder to go on from, and why: the newest that is whole."""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.checkpoint.safetensors_layout import Damaged, read_header, verify

POINTER = 'last_checkpoint'
NUMBERED = re.compile(r'(iter|epoch)_(\d+)\.(safetensors|pth)')


class Found(NamedTuple):
    """The newest whole checkpoint, if any, and what to say of the others.

    Args:
        path: What to go on from.
        damaged: A sentence for each that would have come first and is not whole.
        reason: Why this one, where there are others; else empty.
    """

    path: Path | None
    damaged: list[str]
    reason: str


class Age(NamedTuple):
    """What orders checkpoints; larger is newer. Times of files play no part.

    Args:
        attempt: How many times training had begun in the folder, 0 where that is unknown.
        started: When the run began, seconds since 1970; inf where the file cannot be read.
        iter: Iterations that are complete.
        agrees: Whether the name has the number of the content.
    """

    attempt: int
    started: float
    iter: int
    agrees: bool


def checkpoint_folder(work_dir: str | Path, out_dir: str | None = None) -> Path:
    """Where checkpoints go: the work dir, or the folder of its name in the hook's ``out_dir``."""
    return Path(work_dir) if out_dir is None else Path(out_dir) / Path(work_dir).name


def read_summary(path: Path) -> dict:
    """``attempt``, ``started`` (seconds since 1970), ``iter``, ``epoch``, ... of a checkpoint.

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
    homes = {folder, checkpoint_folder(folder, out_dir)}
    found = {path for home in homes for path in home.glob('*') if NUMBERED.fullmatch(path.name)}
    pointer = folder / POINTER
    if pointer.is_file():
        text = pointer.read_text(errors='replace').replace('\0', '').strip()
        hint = Path(text or 'nothing')
        found.add(folder / (hint.name if hint.is_absolute() else hint))
    real = {Path(os.path.realpath(path)): path for path in found}  # links may form a loop
    inside = [p for p in real if any(p.is_relative_to(home.resolve()) for home in homes)]
    return sorted(real[path] for path in inside if path.is_file())


def age(path: Path) -> Age:
    """Of a checkpoint, by its content: an older run's files never win by number."""
    match = NUMBERED.fullmatch(path.name)
    number = int(match[2]) if match else 0
    if path.suffix == '.pth':
        return Age(0, 0.0, number, True)
    try:
        summary = read_summary(path)
        own = int(summary['epoch' if match and match[1] == 'epoch' else 'iter'])
        return Age(
            int(summary.get('attempt', 0)),
            float(summary['started']),
            int(summary['iter']),
            own == number,
        )
    except (OSError, Damaged, KeyError, TypeError, ValueError):
        return Age(2**62, float('inf'), number, False)  # looked at, named and passed over


def newest_valid(folder: str | Path, out_dir: str | None = None) -> Found:
    """Look at the content of the files, the newest first, until one is whole."""
    damaged: list[str] = []
    ages = {path: age(path) for path in candidates(Path(folder), out_dir)}
    order = sorted(ages, key=lambda path: ages[path], reverse=True)
    for i, path in enumerate(order):
        try:
            if path.suffix == '.pth':
                _read_pth(path)
            elif verify(path) is None:
                raise Damaged('it is no checkpoint of a training')
            return Found(path, damaged, reason(path, order[i + 1 :]))
        except (OSError, ValueError) as error:
            damaged.append(f'{path} is passed over: {error}')
    return Found(None, damaged, '')


def best_of(folder: str | Path) -> list[Path]:
    """The best checkpoints of a folder by their names, ``best_SCORE_iter_N.safetensors``."""
    return sorted(Path(folder).glob('best_*.safetensors'))


def reason(path: Path, others: list[Path]) -> str:
    """Why ``path`` and not the others, nor a best checkpoint that is further; '' without any."""
    own = age(path)
    groups: dict[str, list[str]] = {}
    for other in others:
        groups.setdefault(_against(own, age(other)), []).append(_told(path, other))
    for best in best_of(path.parent):
        that = age(best)
        if that[:2] == own[:2] and that.iter > own.iter:
            groups.setdefault(
                'further, but a best checkpoint, which is gone on from only where it is named', []
            ).append(_told(path, best))
    texts = [f'{", ".join(names)}: {why}' for why, names in groups.items()]
    if not own.agrees:
        texts.insert(0, 'its name has another number, but its content counts')
    if not texts:
        return ''
    return f'{path.name} (iteration {own.iter}) is the newest: {"; ".join(texts)}'


def _against(own: Age, other: Age) -> str:
    if other.attempt != own.attempt:
        return 'saved by an earlier start of training'
    if other.started != own.started:
        return 'of a run that began earlier by its clock, or does not tell'
    return 'earlier in the same run' if other.iter < own.iter else 'the same iteration again'


def _told(path: Path, other: Path) -> str:
    try:
        later = other.stat().st_mtime > path.stat().st_mtime
    except OSError:  # a training beside this removes its oldest file
        later = False
    return f'{other.name} (iteration {age(other).iter}{", though written later" * later})'


def _read_pth(path: Path) -> None:
    from mmdeeplab.checkpoint.load import read_checkpoint

    read_checkpoint(path)
