"""Files that would run code or lead out of their folder, at every door of every command."""

import os
import random
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from mmdeeplab.cli import analyze, convert_weights, train
from robustness import Outcome
from robustness.hostile_data import archives, data_sets, work_dirs
from robustness.hostile_files import Case, configs, converted, pickles
from robustness.mini import CONFIG, OPTIONS, call, draw
from robustness.watch import Watch
from robustness.wrong_checkpoints import DOORS, enter


def cases() -> list[Case]:
    """All of them; more where more of the package is there."""
    return [
        *pickles(),
        *converted(),
        *configs(),
        *data_sets(),
        *work_dirs(),
        *archives(),
    ]


def run(n: int, folder: Path) -> Outcome:
    """Bring ``n`` files to their doors: none runs, none reaches what lies outside."""
    watch = Watch(folder)
    data = draw(folder / 'data')
    chosen = cases()
    random.shuffle(chosen)
    failures = []
    for i, case in enumerate(islice(cycle(chosen), n)):
        here = folder / str(i)
        here.mkdir()
        fault = attempt(case, here, data, watch)
        if fault:
            failures.append(f'{case.name} by {case.door}: {fault}')
    return Outcome(n, n - len(failures), failures)


def attempt(case: Case, here: Path, data: Path, watch: Watch) -> str:
    """What went wrong with one file, or nothing."""
    thing = case.make(here, watch)
    home = Path.cwd()
    os.chdir(here)
    try:
        with watch.looking():
            status, text = bring(case, thing, here, data)
    finally:
        os.chdir(home)
        os.environ.pop('HOSTILE', None)
    if seen := watch.seen():
        return '; '.join(seen)
    return '' if status == 2 and 'error: ' in text else f'status {status}: {text[-300:]!r}'


def bring(case: Case, thing: Any, here: Path, data: Path) -> tuple[int, str]:
    """Bring what was made to its door; the exit status and what was printed."""
    shared = ['--work-dir', here / 'out', '--data-root', data, '--cfg-options', *OPTIONS]
    if case.door in DOORS:
        return enter(case.door, thing, here, data)
    if case.door.startswith('convert'):
        source = case.door.split()[1]
        return call(convert_weights.main, source, thing, here / 'out.safetensors', '--cfg', CONFIG)
    if case.door == 'config':
        return call(train.main, thing, *shared[:4])
    if case.door == 'option':
        return call(analyze.main, CONFIG, '--cfg-options', thing)
    if case.door in ('data', 'split'):
        split = ['train_dataloader.dataset.split=../../../../outside/secret'] * (
            case.door == 'split'
        )
        return call(train.main, CONFIG, *shared[:2], '--data-root', thing, *shared[4:], *split)
    if case.door == 'work dir':
        return call(train.main, CONFIG, '--work-dir', thing, *shared[2:4], '--resume', *shared[4:])
    return call(unpack, thing, here / 'unpacked')


def unpack(arguments: list[str]) -> int:
    """Extract an archive as the commands do; 2 when it is refused."""
    from mmdeeplab.errors import UserError
    from mmdeeplab.fileio.archive import extract

    try:
        extract(Path(arguments[0]), Path(arguments[1]))
    except UserError as error:
        print(f'error: {error}')
        return 2
    return 0
