"""From one JSON a run of a head to one table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.ablation.heads import CONFIG, HEADS, Head
from benchmarks.ablation.plan import BANDS
from benchmarks.ablation.report import difference, plus_minus, rows, shared_by_all, spread
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.bootstrap import RESAMPLES, around, resample, within_percent
from mmdeeplab.evaluation.scores import mean_scores
from mmdeeplab.report.compare import image_counts
from mmdeeplab.report.html import interval, signed

CLASSES = 21


def summarise(out: Path) -> dict:
    """What the runs share, and one entry a head; scores in percent.

    Raises:
        UserError: There is no result, or they were made with different settings.
    """
    results = [json.loads(path.read_text()) for path in sorted((out / 'runs').glob('*.json'))]
    if not results:
        raise UserError(f'{out}/runs holds no result of a head')
    shared = [shared_by_all(result) for result in results]
    if any(other != shared[0] for other in shared):
        raise UserError(f'{out}/runs holds results of different settings')
    drawn: dict[str, np.ndarray] = {}
    entries: list[dict] = []
    for head in HEADS:
        own = [result for result in results if result['variant'] == head.name]
        if own:
            entries += summarise_head(
                head, own, drawn, {entry['variant']: entry for entry in entries}
            )
    return dict(
        settings=results[0]['settings'],
        data_sha256=results[0]['made_from']['data_sha256'],
        version=results[0]['made_from']['version'],
        images=len(results[0]['per_image']),
        config=CONFIG,
        heads=entries,
    )


def summarise_head(
    head: Head, results: Sequence[Mapping], drawn: dict[str, np.ndarray], before: Mapping[str, dict]
) -> list[dict]:
    """The entry of a head, and of its test at stride 8 where it has one."""
    entries = [entry_of(head.name, head.title, results, drawn)]
    entries[0] |= dict(
        published=head.published, loss=spread([result['loss'] for result in results])
    )
    entries[0]['parameters'] = results[0]['parameters']
    if head.base != head.name and head.base in before:
        compare(entries[0], before[head.base], drawn)
    if all('finer' in result for result in results):
        finer = [result['finer'] | dict(seed=result['seed']) for result in results]
        title = f'{head.title}: trained at 16, tested at 8'
        entries.append(entry_of(f'{head.name}-at-8', title, finer, drawn))
        entries[1]['published'] = head.finer
        compare(entries[1], entries[0], drawn)
    return entries


def entry_of(
    name: str, title: str, results: Sequence[Mapping], drawn: dict[str, np.ndarray]
) -> dict:
    """Scores of all seeds, and the interval over images and seeds."""
    drawn[name] = draws(name, results, CLASSES)
    score = spread([result['mIoU'] for result in results])
    return dict(
        variant=name,
        title=title,
        seeds=[result['seed'] for result in results],
        mIoU=score,
        interval=within_percent(around(score['mean'], drawn[name])),
        trimap={str(w): spread([result['trimap'][str(w)] for result in results]) for w in BANDS},
    )


def draws(name: str, results: Sequence[Mapping], classes: int) -> np.ndarray:
    """Mean mIoU over the seeds (R,), images and seeds weighed anew in every draw.

    The images' weights of a draw are the same for every head, so differences are taken draw by
    draw; the seeds of two heads are weighed independently (Bayesian bootstrap of both).
    """
    scores = []
    for result in results:
        counts = image_counts(dict(result), classes)
        assert counts is not None
        right, labelled, predicted = np.moveaxis(resample(counts, RESAMPLES), 1, 0)
        scores.append(mean_scores(right, labelled, predicted)['mIoU'])
    rng = np.random.default_rng([ord(letter) for letter in name])
    weights = rng.dirichlet(np.ones(len(scores)), RESAMPLES)
    mean: np.ndarray = (np.stack(scores, 1) * weights).sum(1)
    return mean


def compare(entry: dict, base: Mapping, drawn: Mapping[str, np.ndarray]) -> None:
    """Add the differences to a base."""
    gap = difference(entry['mIoU'], base['mIoU'])['mean']
    entry['base'] = base['variant']
    entry['to_base'] = dict(
        mIoU=gap,
        interval=around(gap, drawn[entry['variant']] - drawn[base['variant']]),
        trimap={w: difference(band, base['trimap'][w]) for w, band in entry['trimap'].items()},
    )


def markdown(summary: Mapping) -> str:
    """The table of scores, and that of differences."""
    scored = [
        {
            'head': entry['title'],
            'mIoU': plus_minus(entry['mIoU']),
            '95 %': interval(entry['interval']),
            **{f'{w} px': plus_minus(band) for w, band in entry['trimap'].items()},
            'parameters': f'{entry["parameters"]:,}' if 'parameters' in entry else '',
            'loss': f'{entry["loss"]["mean"]:.3f}' if 'loss' in entry else '',
        }
        for entry in summary['heads']
    ]
    titles = {entry['variant']: entry['title'] for entry in summary['heads']}
    compared = [
        {
            'head': entry['title'],
            'to': titles[entry['base']],
            'mIoU': signed(entry['to_base']['mIoU']),
            '95 %': interval(entry['to_base']['interval']),
            'published': entry.get('published', 'none'),
            **{f'{w} px': plus_minus(d, '+') for w, d in entry['to_base']['trimap'].items()},
        }
        for entry in summary['heads']
        if 'to_base' in entry
    ]
    parts = [rows(scored), rows(compared) if compared else []]
    return '\n\n'.join('\n'.join(part) for part in parts if part) + '\n'
