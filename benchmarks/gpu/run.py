"""Run pieces one after the other and keep what each found."""

import json
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.case import Skip
from benchmarks.gpu.job import Job, rows
from benchmarks.gpu.page import page
from benchmarks.gpu.pieces import Piece
from benchmarks.gpu.process import alone
from benchmarks.results import read_results
from mmdeeplab.fileio.atomic import placing

RESULTS, PAGE, ENDED = 'results.json', 'gpu.md', 'ended.json'
SHORTEST = 15.0  # seconds; no piece is started with less time left


def read(path: Path) -> dict:
    """Results of earlier calls; none where there is no file.

    Raises:
        UserError: The file holds something else.
    """
    if not path.is_file():
        return dict(pieces={})
    return read_results(path, 'pieces', 'python -m benchmarks.gpu', 'choose another --out')


def run(pieces: Sequence[Piece], out: Path, device: str, tiny: bool, minutes: float) -> dict:
    """Run pieces until the time is over; results and page are written after each.

    Args:
        pieces: In this order.
        out: Folder of ``results.json``, ``gpu.md`` and the logs.
        device: ``cuda`` or ``cpu``.
        tiny: Sizes of a test.
        minutes: No piece lasts longer than what is left of them.

    Returns:
        All results of the folder.
    """
    end = time.monotonic() + 60 * minutes
    results = read(out / RESULTS)
    for piece in pieces:
        left = end - time.monotonic()
        if left < SHORTEST:
            print(f'{piece.name:<17} not run: the time is over; the same command goes on with it')
            continue
        limit = piece.limit * (3 if tiny else 1)  # tests share the machine with others
        result = run_piece(piece, out, device, tiny, min(limit, left))
        results['pieces'][piece.name] = result
        write(results, out)
        said = result['error'] or f'{len(result["rows"])} answers'
        print(f'{piece.name:<17} {result["status"]}, {result["seconds"]:.0f} s: {said}', flush=True)
    return results


def run_piece(piece: Piece, out: Path, device: str, tiny: bool, limit: float) -> dict:
    """Run a piece in a new process; return how it ended, and what it kept until then."""
    folder = out / 'pieces' / piece.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job = Job(folder.absolute(), tiny, rounds=1 if tiny else 5, device=device)
    start = time.time()
    ended = alone(work, piece, job, log=folder / 'log.txt', limit=limit)
    file = folder / ENDED
    ending = json.loads(file.read_text()) if file.is_file() else {}
    if ended.late:
        failure = dict(status='stopped', error=f'its {limit:.0f} seconds were over')
    elif not ending:
        failure = dict(status='failed', error=f'the process ended with {ended.status}')
    else:
        failure = {}
    date = time.strftime('%Y-%m-%d %H:%M', time.localtime(start))
    common = dict(date=date, seconds=round(time.time() - start, 1), tiny=tiny, device=device)
    return dict(status='failed', error='', machine={}) | ending | failure | common | dict(
        rows=rows(folder)
    )  # fmt: skip


def work(piece: Piece, job: Job) -> None:
    """What the process of a piece does; how it ended goes to a file, the traceback to its log."""
    from benchmarks.machine import machine
    from mmdeeplab.config.load import quiet_imports

    ended = dict(status='failed', error='', machine=machine())
    try:
        quiet_imports()
        piece.load()(job)
        ended['status'] = 'done'
    except Skip as reason:
        ended |= dict(status='left out', error=str(reason))
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        words = ' '.join(f'{type(error).__name__}: {error}'.split())
        ended['error'] = words[:500]
    with placing(job.folder / ENDED) as beside:
        beside.write_text(json.dumps(ended), encoding='utf-8')


def write(results: dict, out: Path) -> None:
    """The results and their page."""
    results['command'] = ' '.join(['python -m benchmarks.gpu', *sys.argv[1:]])
    for name, text in ((RESULTS, json.dumps(results, indent=1) + '\n'), (PAGE, page(results))):
        with placing(out / name) as beside:
            beside.write_text(text, encoding='utf-8')
