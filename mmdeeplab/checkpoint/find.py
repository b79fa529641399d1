"""Find the checkpoint to resume from: the newest intact one of a folder."""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from mmdeeplab.checkpoint.safetensors_layout import Damaged, read_header, verify

POINTER = 'last_checkpoint'
NUMBERED = re.compile(r'(iter|epoch)_(\d+)\.(safetensors|pth)')


class Found(NamedTuple):
    """The newest intact checkpoint, if any, and what to tell about the others.

    Args:
        path: The checkpoint to resume from.
        damaged: A sentence for each newer file that is damaged.
        reason: Why this one was chosen, if there are others; otherwise empty.
    """

    path: Path | None
    damaged: list[str]
    reason: str


class Age(NamedTuple):
    """What checkpoints are ordered by; larger is newer. The times of the files do not count.

    Args:
        attempt: Number of times that training had been started in the folder; 0 if unknown.
        started: Time at which the run began, in seconds since 1970; inf if the file is unreadable.
        iter: Number of completed iterations.
        agrees: Whether the number in the file's name is that of its content.
    """

    attempt: int
    started: float
    iter: int
    agrees: bool


def checkpoint_folder(work_dir: str | Path, out_dir: str | None = None) -> Path:
    """Folder of a run's checkpoints: the work dir, or the folder of its name in ``out_dir``."""
    return Path(work_dir) if out_dir is None else Path(out_dir) / Path(work_dir).name


def read_summary(path: Path) -> dict:
    """Read ``attempt``, ``started`` (seconds since 1970), ``iter``, ``epoch``, ... of a checkpoint.

    Raises:
        Damaged: The file is not a checkpoint of ours.
    """
    meta = read_header(path).get('__metadata__', {})
    try:
        return dict(json.loads(meta['summary']))
    except (KeyError, ValueError, TypeError) as error:
        raise Damaged('it is no checkpoint of a training') from error


def candidates(folder: Path, out_dir: str | None = None) -> list[Path]:
    """All ``iter_N`` and ``epoch_N`` files of a folder, and what ``last_checkpoint`` names.

    ``last_checkpoint`` holds a path relative to its folder; of an absolute path only the name is
    used, so that a folder may be moved. It is a hint, and may be missing or out of date. Files
    outside the folder and ``out_dir`` (of the checkpoint hook) are ignored.
    """
    homes = {folder, checkpoint_folder(folder, out_dir)}
    paths = {path for home in homes for path in home.glob('*') if NUMBERED.fullmatch(path.name)}
    pointer = folder / POINTER
    if pointer.is_file():
        text = pointer.read_text(errors='replace').replace('\0', '').strip()
        hint = Path(text or 'nothing')
        paths.add(folder / (hint.name if hint.is_absolute() else hint))
    real = {Path(os.path.realpath(path)): path for path in paths}  # links may form a loop
    inside = [p for p in real if any(p.is_relative_to(home.resolve()) for home in homes)]
    return sorted(real[path] for path in inside if os.path.isfile(path))  # noqa: PTH113  (any name)


def age(path: Path) -> Age:
    """The age of a checkpoint, by its content: a higher number of an older run does not count."""
    match = NUMBERED.fullmatch(path.name)
    number = int(match[2]) if match else 0
    if path.suffix == '.pth':
        return Age(0, 0.0, number, True)
    try:
        summary = read_summary(path)
        recorded = int(summary['epoch' if match and match[1] == 'epoch' else 'iter'])
        return Age(
            int(summary.get('attempt', 0)),
            float(summary['started']),
            int(summary['iter']),
            recorded == number,
        )
    except (OSError, Damaged, KeyError, TypeError, ValueError):
        return Age(2**62, float('inf'), number, False)  # first, to be reported as damaged


def newest_valid(folder: str | Path, out_dir: str | None = None) -> Found:
    """Find the newest intact checkpoint by checking the files, the newest first."""
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
    """Why ``path`` was chosen over others, and over a best checkpoint of a later iteration.

    Empty if there are none.
    """
    chosen = age(path)
    groups: dict[str, list[str]] = {}
    for other in others:
        groups.setdefault(_against(chosen, age(other)), []).append(_described(path, other))
    for best in best_of(path.parent):
        that = age(best)
        if that[:2] == chosen[:2] and that.iter > chosen.iter:
            groups.setdefault(
                'further, but a best checkpoint, which is gone on from only where it is named', []
            ).append(_described(path, best))
    texts = [f'{", ".join(names)}: {why}' for why, names in groups.items()]
    if not chosen.agrees:
        texts.insert(0, 'its name has another number, but its content counts')
    if not texts:
        return ''
    return f'{path.name} (iteration {chosen.iter}) is the newest: {"; ".join(texts)}'


def _against(chosen: Age, other: Age) -> str:
    if other.attempt != chosen.attempt:
        return 'saved by an earlier start of training'
    if other.started != chosen.started:
        return 'of a run that began earlier by its clock, or does not tell'
    return 'earlier in the same run' if other.iter < chosen.iter else 'the same iteration again'


def _described(path: Path, other: Path) -> str:
    try:
        later = other.stat().st_mtime > path.stat().st_mtime
    except OSError:  # a running training may remove its oldest file meanwhile
        later = False
    return f'{other.name} (iteration {age(other).iter}{", though written later" * later})'


def _read_pth(path: Path) -> None:
    from mmdeeplab.checkpoint.load import read_checkpoint

    read_checkpoint(path)
