"""From one JSON a run to one table."""

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ablation.plan import BANDS, VARIANTS, Variant
from mmdeeplab.errors import UserError


def collect(out: Path) -> list[dict]:
    """All results of a folder.

    Raises:
        UserError: There is none, the base is missing, or they were made with different settings.
    """
    results = [json.loads(path.read_text()) for path in sorted((out / 'runs').glob('*.json'))]
    if not any(result['variant'] == 'base' for result in results):
        raise UserError(f'{out}/runs holds no result of the base that others are compared to')
    settings = {json.dumps(shared_by_all(result), sort_keys=True) for result in results}
    if len(settings) > 1:
        raise UserError(f'{out}/runs holds results of {len(settings)} settings: {settings}')
    return results


def shared_by_all(result: dict) -> dict:
    """What every run of a table must have been made with."""
    origin = result.get('made_from', {})
    return result['settings'] | {key: origin.get(key) for key in ('version', 'data_sha256')}


def spread(values: Sequence[float]) -> dict:
    """Mean, sample standard deviation (None of a single value), and the values."""
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return dict(mean=statistics.fmean(values), spread=deviation, values=list(values))


def difference(ours: dict, base: dict) -> dict:
    """Difference of two means and its standard error; the seeds of two networks are unrelated."""
    error = None
    if None not in (ours['spread'], base['spread']):
        parts = (side['spread'] ** 2 / len(side['values']) for side in (ours, base))
        error = math.sqrt(sum(parts))
    return dict(mean=ours['mean'] - base['mean'], error=error)


def summarise(results: Sequence[dict]) -> dict:
    """What the runs share, and one entry a variant, the base first; scores in percent."""
    entries: list[dict] = []
    for variant in VARIANTS:
        own = [result for result in results if result['variant'] == variant.name]
        if own:
            entry = summarise_variant(variant, own)
            compare(entry, entries[0] if entries else entry)
            entries.append(entry)
    shared = {key: results[0][key] for key in ('settings', 'batch_size', 'crop')}
    seeds = sorted({result['seed'] for result in results})
    return dict(**shared, seeds=seeds, variants=entries)


def summarise_variant(variant: Variant, results: Sequence[dict]) -> dict:
    """Means and spreads of the seeds; what it costs is the same for all."""
    first = results[0]
    return dict(
        variant=variant.name,
        title=variant.title,
        mIoU=spread([result['mIoU'] for result in results]),
        trimap={str(w): spread([r['trimap'][str(w)] for r in results]) for w in BANDS},
        parameters=first['parameters'],
        multiply_adds=first['multiply_adds'],
        seconds_per_step=statistics.median(r['seconds_per_step'] for r in results),
        published=variant.published,
        published_cost=variant.published_cost,
    )


def compare(entry: dict, base: dict) -> None:
    """Add the differences to the base; of multiply-adds the relative ones."""
    bands = {w: difference(band, base['trimap'][w]) for w, band in entry['trimap'].items()}
    counts = {
        side: count / base['multiply_adds'][side] - 1
        for side, count in entry['multiply_adds'].items()
    }
    entry['to_base'] = dict(
        mIoU=difference(entry['mIoU'], base['mIoU']), trimap=bands, multiply_adds=counts
    )


def markdown(summary: dict) -> str:
    """The table of scores and the table of costs."""
    several = 's' * (len(summary['seeds']) > 1)
    lines = [
        f'Trained from scratch for {summary["settings"]["iters"]} iterations of '
        f'{summary["batch_size"]} crops of {summary["crop"]} pixels; {len(summary["seeds"])} '
        f'seed{several}. mIoU in percent: mean ± standard deviation over the seeds; differences: '
        '± standard error.',
        '',
        *rows([score_cells(entry) for entry in summary['variants']]),
        '',
        *rows([cost_cells(entry, summary['crop']) for entry in summary['variants']]),
    ]
    return '\n'.join(lines) + '\n'


def rows(cells: Sequence[dict[str, str]]) -> list[str]:
    """A Markdown table from one dict a row."""
    align = ['---'] + ['---:'] * (len(cells[0]) - 1)
    lines = [cells[0].keys(), align, *(row.values() for row in cells)]
    return [f'| {" | ".join(line)} |' for line in lines]


def plus_minus(value: dict, sign: str = '') -> str:
    error = value.get('spread', value.get('error'))
    text = f'{value["mean"]:{sign}.2f}'
    return text if error is None else f'{text} ± {error:.2f}'


def score_cells(entry: dict) -> dict[str, str]:
    is_base = entry['variant'] == 'base'
    bands = {f'{w} px': plus_minus(band) for w, band in entry['trimap'].items()}
    return {
        'variant': entry['title'],
        'mIoU': plus_minus(entry['mIoU']),
        'to the base': '-' if is_base else plus_minus(entry['to_base']['mIoU'], '+'),
        'published (VOC)': entry['published'],
        **bands,
    }


def cost_cells(entry: dict, crop: int) -> dict[str, str]:
    def count(side: int) -> str:
        text = f'{entry["multiply_adds"][str(side)] / 1e9:.2f} G'
        change = entry['to_base']['multiply_adds'][str(side)]
        return text if entry['variant'] == 'base' else f'{text} ({100 * change:+.0f} %)'

    return {
        'variant': entry['title'],
        'parameters': f'{entry["parameters"]:,}',
        'multiply-adds at 513': count(513),
        'published': entry['published_cost'],
        f'at {crop}': count(crop),
        'seconds a step': f'{entry["seconds_per_step"]:.2f}',
    }
