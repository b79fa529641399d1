"""Run a case and note what came out."""

import gc
import importlib
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import limits
from benchmarks.case import Comparison, Scale, Skip, Variant, Work
from benchmarks.machine import PACKAGES, machine, version
from benchmarks.measure import interleave, ratios, spread, three_digits
from mmdeeplab.errors import UserError

MILLI = 1e3
GIGA = 1e9


def names() -> list[str]:
    """The names of all cases: the modules of :mod:`benchmarks.cases`."""
    folder = Path(__file__).parent / 'cases'
    return sorted(path.stem for path in folder.glob('[a-z]*.py'))


def comparisons(name: str, scale: Scale, peer: str = '') -> list[Comparison]:
    """The comparisons of a case; with ``peer`` those that it takes part in, as the reference.

    Raises:
        UserError: The peer takes no part in the case.
    """
    all_comparisons = importlib.import_module(f'benchmarks.cases.{name}').setup(scale)
    if not peer:
        return all_comparisons
    changed = (comparison.against(peer) for comparison in all_comparisons)
    against = [comparison for comparison in changed if comparison]
    if not against:
        peers = sorted({v.of for comparison in all_comparisons for v in comparison.variants})
        raise UserError(f'--vs {peer}: not in the case {name}, which has {", ".join(peers)}')
    return against


def run_case(name: str, scale: Scale, peer: str = '') -> dict:
    """Everything that is known of one case after a run, as plain data.

    Raises:
        Skip: The case needs what was not given.
    """
    start, about = time.time(), machine()
    wanted = comparisons(name, scale, peer)
    before = limits.limits(scale)
    records = [record(comparison, scale) for comparison in wanted]
    rates = limits.merge(before, limits.limits(scale))
    for row in (row for comparison in records for row in comparison['rows']):
        limit = limits.highest(rates, row.get('limit') or 'none')
        if row.get('gflops') and limit:
            row['share'] = row['gflops'] / limit
    return dict(
        machine=about,
        date=time.strftime('%Y-%m-%d', time.localtime(start)),
        minutes=round((time.time() - start) / 60, 1),
        rounds=scale.rounds,
        limits=rates,
        comparisons=records,
    )


def record(comparison: Comparison, scale: Scale) -> dict:
    """Time one comparison; variants that cannot run are noted with the reason."""
    works: dict[str, Work] = {}
    skipped: dict[str, str] = {}
    for variant in comparison.variants:
        try:
            works[variant.name] = variant.prepare()
        except Skip as reason:
            skipped[variant.name] = str(reason)
    agreement = dict(agreements(comparison, works))
    seconds = interleave(works, scale.rounds)
    rows = [
        row(comparison, variant, works[variant.name], seconds)
        | dict(agreement=agreement.get(variant.name, ''))
        if variant.name in works
        else dict(name=variant.name, of=variant.of, skipped=skipped[variant.name])
        for variant in comparison.variants
    ]
    works.clear()
    gc.collect()
    return dict(
        title=comparison.title, reference=comparison.reference, unit=comparison.unit, rows=rows
    )


def agreements(comparison: Comparison, works: dict[str, Work]) -> Iterator[tuple[str, str]]:
    """How far what the variants return agrees with what the truth returns."""
    if comparison.agree is None or comparison.truth not in works:
        return
    expected = works[comparison.truth].call()
    origin = {variant.name: variant.of for variant in comparison.variants}
    for name, work in works.items():
        everywhere = comparison.truth == comparison.reference
        if name != comparison.truth and (everywhere or origin[name] == origin[comparison.truth]):
            yield name, comparison.agree(expected, work.call())


def row(
    comparison: Comparison, variant: Variant, work: Work, seconds: dict[str, list[float]]
) -> dict:
    """The results of one variant: a line of the table."""
    times = seconds[variant.name]
    middle, low, high = spread(times)
    result = dict(
        name=variant.name,
        of=variant.of,
        version=version(variant.of) if variant.of in PACKAGES else '',
        milliseconds=[middle * MILLI, low * MILLI, high * MILLI],
        times=[value * MILLI for value in times],
        parameters=work.parameters,
        multiply_adds=work.multiply_adds / work.units,
        limit=work.limit,
        notes=work.notes,
    )
    if work.multiply_adds:
        result['gflops'] = 2 * work.multiply_adds / work.units / GIGA / middle
    if comparison.reference in seconds:
        result['ratio'] = list(spread(ratios(seconds[comparison.reference], times)))
    goal = work.within.judged() if work.within else {}
    return result | judged(comparison, variant.name, result, seconds) | goal


def judged(
    comparison: Comparison, name: str, row: dict, seconds: dict[str, list[float]]
) -> dict[str, object]:
    """The goal of a row, whether it is met, and what was reached; nothing where there is none."""
    if name in comparison.bounds:
        bound, reached = comparison.bounds[name], row['milliseconds'][0]
        words = f'at most {bound:g} ms'
    elif name in comparison.extra and comparison.reference in seconds:
        pairs = zip(seconds[name], seconds[comparison.reference], strict=True)
        bound, reached = comparison.extra[name], MILLI * median(a - b for a, b in pairs)
        words = f'at most {bound:g} ms more than the reference'
    elif name in comparison.goals and 'ratio' in row:
        goal, reached = comparison.goals[name], row['ratio'][0]
        return dict(goal=f'x{goal:g}', met=reached >= goal, reached=f'x{reached:.2f}')
    else:
        return {}
    return dict(goal=words, met=reached <= bound, reached=f'{three_digits(reached)} ms')
