"""From one JSON a change and film to one table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.ablation.changes import CHANGES, TESTS
from benchmarks.ablation.heads_report import draws
from benchmarks.ablation.report import plus_minus, rows, shared_by_all, spread
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.bootstrap import around, within_percent
from mmdeeplab.report.html import interval, signed

RECIPE = CHANGES[0].name
TITLES = {change.name: change.title for change in CHANGES} | {
    'at-8': 'tested at stride 8',
    'scales': 'tested at six scales and mirrored',
}


def summarise(out: Path) -> dict:
    """What the runs share, and one entry a change; scores in percent.

    Raises:
        UserError: There is no result of the recipe, or they were made with different settings.
    """
    results = [json.loads(path.read_text()) for path in sorted((out / 'runs').glob('*.json'))]
    if not any(result['variant'].startswith(f'{RECIPE}-') for result in results):
        raise UserError(f'{out}/runs holds no result of the recipe that changes are compared to')
    if any(shared_by_all(result) != shared_by_all(results[0]) for result in results):
        raise UserError(f'{out}/runs holds results of different settings')
    drawn: dict[str, dict[str, np.ndarray]] = {}
    entries: list[dict] = []
    for name, films in by_change(results).items():
        drawn[name] = {
            film: draws(f'{name} {film}', own, own[0]['classes']) for film, own in films.items()
        }
        scores = {film: spread([r['mIoU'] for r in own]) for film, own in films.items()}
        entries.append(
            dict(change=name, title=TITLES[name], films=scores)
            | dict(intervals={f: limits(scores[f], drawn[name][f]) for f in scores})
        )
        if name != RECIPE:
            compare(entries[-1], entries[0], drawn)
    first = results[0]
    images = {result['film']: result['images'] for result in results}
    return dict(
        settings=first['settings'],
        made_from=first['made_from'],
        images=dict(sorted(images.items())),
        seeds=sorted({result['seed'] for result in results}),
        changes=entries,
    )


def by_change(results: list[dict]) -> dict[str, dict[str, list[dict]]]:
    """The results of each change and way to test, the recipe first, by film."""
    groups: dict[str, dict[str, list[dict]]] = {name: defaultdict(list) for name in TITLES}
    for result in results:
        name = result['variant'].removesuffix(f'-{result["film"]}')
        groups[name][result['film']].append(result)
        for test in TESTS:
            if test in result.get('tests', {}):
                groups[test][result['film']].append(result | result['tests'][test])
    return {name: films for name, films in groups.items() if films}


def limits(score: Mapping, drawn: np.ndarray) -> list[float] | None:
    """95 % of a score lie between these."""
    return within_percent(around(score['mean'], drawn))


def compare(entry: dict, recipe: Mapping, drawn: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Add the differences to the recipe: a film each, and over the films that both have."""
    films = [film for film in entry['films'] if film in recipe['films']]
    gaps = {f: entry['films'][f]['mean'] - recipe['films'][f]['mean'] for f in films}
    spreads = {f: drawn[entry['change']][f] - drawn[RECIPE][f] for f in films}
    entry['to_recipe'] = {
        f: dict(mIoU=gaps[f], interval=around(gaps[f], spreads[f])) for f in films
    }
    mean = float(np.mean([*gaps.values()]))
    over = around(mean, np.mean([*spreads.values()], 0))
    entry['over_films'] = dict(mIoU=mean, interval=over, films=films)


def markdown(summary: Mapping) -> str:
    """The table of scores and differences."""
    films = list(summary['images'])
    return '\n'.join(rows([dict(cells(entry, films)) for entry in summary['changes']])) + '\n'


def cells(entry: Mapping, films: list[str]) -> Iterator[tuple[str, str]]:
    """A row: scores by film, and the differences to the recipe."""
    yield 'change', entry['title']
    for film in films:
        score = entry['films'].get(film)
        yield film, plus_minus(score) if score else ''
    for film in films:
        gap = entry.get('to_recipe', {}).get(film)
        yield f'to the recipe, {film}', signed(gap['mIoU']) if gap else ''
    over = entry.get('over_films')
    yield 'over the films', signed(over['mIoU']) if over else ''
    yield '95 %', interval(over['interval']) if over else ''
