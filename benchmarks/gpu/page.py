"""Results as a page."""

from collections.abc import Iterator, Mapping
from statistics import median

from benchmarks.case import OURS
from benchmarks.gpu.pieces import PIECES

HEAD = """# One GPU

Made by `{command}`. A figure stands for the machine and the day that are told with it. A piece that
failed or was stopped has its error here, and what it had found until then.

Goals: our fastest training step at least {goal:g} times as fast as the better peer's, gaps below
5 % of a step. A step has 16 crops of 513; the ways of a table are timed in turns in one process.
float32 is PyTorch's default, whose convolutions may use TF32. Each step takes its images from the
host: bytes (ours, mmseg's) or floats (smp's, whose sides are multiples of 16). Multiply-adds of a
step are three times those of a forward pass; "share" is that of the card's largest matrix product
in the same number format, measured by the piece `rates`.
"""
TINY = 'Sizes of a test or no GPU: it ran to its end, rates are left out.'
GOAL = 1.5
WORDS = {True: 'yes', False: '**no**', None: ''}
TIMED = '| {} | {} | {:.1f} | {:.1f} | {:.0f} | {} | {} |'


def page(results: Mapping) -> str:
    """The whole page in Markdown."""
    pieces = results['pieces']
    command = results.get('command', 'python -m benchmarks.gpu')
    parts = [HEAD.format(command=command, goal=GOAL)]
    parts += [line for line in [*cards(pieces), *verdicts(pieces)] if line]
    parts.append('| piece | question | | s |\n|---|---|---|--:|\n' + '\n'.join(overview(pieces)))
    parts += [section(name, pieces[name], pieces) for name in order(pieces)]
    return '\n\n'.join(part.strip() for part in parts) + '\n'


def order(pieces: Mapping) -> list[str]:
    """Names of the pieces that were run, as they stand in the list."""
    names = [piece.name for piece in PIECES]
    return [name for name in names if name in pieces]


def cards(pieces: Mapping) -> Iterator[str]:
    """Which cards the pieces ran on."""
    gpus = sorted({result['machine']['gpu'] for result in pieces.values() if result.get('machine')})
    if len(gpus) > 1:
        yield f'**The pieces ran on several cards** ({", ".join(gpus)}): compare within one only.'
    if any(result['tiny'] or result['device'] == 'cpu' for result in pieces.values()):
        yield TINY


def verdicts(pieces: Mapping) -> Iterator[str]:
    """The goal of speed, for each network that was timed beside a peer."""
    rows = [row for result in pieces.values() for row in result['rows'] if 'network' in row]
    for network in sorted({row['network'] for row in rows}):
        fastest: dict[bool, dict] = {}
        for row in (row for row in rows if row['network'] == network):
            is_ours = row['of'] == OURS
            if is_ours not in fastest or time_of(row) < time_of(fastest[is_ours]):
                fastest[is_ours] = row
        if len(fastest) < 2:
            yield f'{network}: no peer was timed, so nothing is said of the goal.'
            continue
        reached = time_of(fastest[False]) / time_of(fastest[True])
        ours, peer = (fastest[is_ours]['name'] for is_ours in (True, False))
        goal = f'goal x{GOAL:g}: {"met" if reached >= GOAL else "**missed**"}'
        yield f'{network}: {ours} is x{reached:.2f} as fast as {peer}; {goal}.'


def time_of(row: Mapping) -> float:
    """Median milliseconds that a row of results took for an image."""
    return median(row['times'])


def overview(pieces: Mapping) -> Iterator[str]:
    """One line for each piece, also for those that were not run."""
    for piece in PIECES:
        result = pieces.get(piece.name)
        if result is None:
            yield f'| {piece.name} | {piece.question} | not run | |'
            continue
        bad = sum(row['met'] is False for row in result['rows'])
        judged = sum(row['met'] is not None for row in result['rows'])
        said = f'{judged - bad} of {judged} as wanted' if judged else result['status']
        if result['status'] != 'done':
            said = f'**{result["status"]}**'
        yield f'| {piece.name} | {piece.question} | {said} | {result["seconds"]:.0f} |'


def section(name: str, result: Mapping, pieces: Mapping) -> str:
    """One piece: where it ran, its error, its answers."""
    machine = result.get('machine') or {}
    versions = ', '.join(f'{key} {value}' for key, value in machine.get('versions', {}).items())
    gpu = machine.get('gpu', 'unknown')
    about = f'{result["date"]}, {result["seconds"]:.0f} s; GPU {gpu}; {versions}'
    lines = [f'## {name}', '', about, '']
    if result['error']:
        lines += [f'**{result["status"]}**: {plain(result["error"])}', '']
    timed = [row for row in result['rows'] if 'network' in row]
    if timed:
        lines += list(timings(timed, rates(pieces)))
    others = [row for row in result['rows'] if 'network' not in row]
    if others:
        lines += ['| | found | wanted | as wanted |', '|---|---|---|---|']
        lines += [
            f'| {plain(row["what"])} | {plain(row["found"])} | {row["wanted"]} '
            f'| {WORDS[row["met"]]} |'
            for row in others
        ]
    return '\n'.join(lines)


def rates(pieces: Mapping) -> dict[str, float]:
    """GFLOP/s of matrix products by number format, where they were measured."""
    rows = pieces.get('rates', {}).get('rows', [])
    return {row['what']: row['rate'] for row in rows if 'rate' in row}


def timings(rows: list, limits: Mapping[str, float]) -> Iterator[str]:
    """The table of a comparison."""
    reference = rows[0]
    yield f'Reference: {reference["name"]}.\n'
    yield '| variant | ratio | ms an image | images/s | GFLOP/s | share | memory |'
    yield '|---|---|--:|--:|--:|--:|--:|'
    for row in rows:
        ratio = 'x{:.2f} ({:.2f} to {:.2f})'.format(*row['ratio']) if 'ratio' in row else ''
        limit = limits.get(row['limit'])
        share = f'{row["gflops"] / limit:.0%}' if limit else ''
        memory = row['notes'].get('memory', '')
        rate = 1e3 / time_of(row)
        yield TIMED.format(row['name'], ratio, time_of(row), rate, row['gflops'], share, memory)
    yield ''


def plain(text: str) -> str:
    """The text in a form that fits into a cell of a table."""
    return ' '.join(text.split()).replace('|', '\\|').replace('<', '&lt;')
