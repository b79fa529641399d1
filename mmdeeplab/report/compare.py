"""Compare two evaluations of the same images: differences of scores, with intervals."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from prettytable import PrettyTable

from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.bootstrap import around, image_sums, resample
from mmdeeplab.evaluation.per_image import ImageCounts
from mmdeeplab.evaluation.scores import MEANS, class_scores, mean_scores
from mmdeeplab.fileio.input_files import is_regular, read_text
from mmdeeplab.report.html import between, number, signed


class Difference(NamedTuple):
    """A score of both runs in percent, and the 95 % interval of the difference B - A."""

    name: str
    a: float | None
    b: float | None
    interval: list[float] | None

    @property
    def value(self) -> float | None:
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def sure(self) -> bool:
        """Whether the interval does not contain 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


class Comparison(NamedTuple):
    """Differences of the means and of all IoUs; ``note`` says why there are no intervals."""

    means: list[Difference]
    classes: list[Difference]
    note: str


def read_metrics(path: Path) -> dict:
    """Read a ``metrics.json``, or the one in a folder.

    Raises:
        UserError: There is none, or it is not of an evaluation.
    """
    file = path / 'metrics.json' if path.is_dir() else path
    try:
        if not is_regular(file):
            raise UserError(f'no metrics.json at {path}; {tool("test")} --out DIR writes it')
        metrics = json.loads(read_text(file), parse_constant=lambda name: None)  # NaN, Infinity
    except UserError:
        raise
    except ValueError as error:  # neither JSON nor text
        raise UserError(f'{file} is not a metrics.json: {error}') from error
    if not isinstance(metrics, dict) or 'per_class' not in metrics:
        raise UserError(
            f'{file} has no per_class: it is not of {tool("test")}, or of other '
            'metrics alone (put mmdeeplab.SegMetric into test_evaluator)'
        )
    return metrics


def compare(a: dict, b: dict, resamples: int = 1000) -> Comparison:
    """Compare two evaluations, each given by the contents of a ``metrics.json``.

    The intervals come from a paired Bayesian bootstrap: images get random weights, the same for
    both runs, so that images which are hard for both do not widen the interval.

    Raises:
        UserError: The runs have different classes, or ``resamples`` is below 1.
    """
    if resamples < 1:
        raise UserError(f'--resamples is a number of draws, at least 1, got {resamples}')
    names = list(a['per_class'])
    if names != list(b['per_class']):
        unmatched = sorted(set(names) ^ set(b['per_class'])) or ['their order']
        raise UserError(
            f'the runs have other classes ({", ".join(unmatched[:5])}): there is nothing to compare'
        )
    by_name, note = paired_intervals(a, b, resamples)
    means = [
        Difference(key, a.get(key), b.get(key), by_name.get(key))
        for key in MEANS
        if key in a and key in b
    ]
    classes = [
        Difference(n, a['per_class'][n]['IoU'], b['per_class'][n]['IoU'], by_name.get(f'class {n}'))
        for n in names
    ]
    return Comparison(means, classes, note)


def paired_intervals(a: dict, b: dict, resamples: int) -> tuple[dict, str]:
    """Intervals of the differences, by score (``class NAME`` for an IoU); or why there are none."""
    names = list(a['per_class'])
    first, second = (image_counts(metrics, len(names)) for metrics in (a, b))
    if first is None or second is None:
        return {}, 'no intervals: a metrics.json has no counts of its images'
    if first.paths != second.paths:
        unshared = len(set(first.paths) ^ set(second.paths))
        return {}, f'no intervals: {unshared} images belong to one run only'
    if len(first.paths) < 2:
        return {}, 'no intervals: they need two images or more'
    # (R, 3, C) -> true positives, ground truth, predicted, each (R, C); one seed, the same draws
    drawn = [np.moveaxis(resample(counts, resamples), 1, 0) for counts in (first, second)]
    exact = [image_sums(counts) for counts in (first, second)]
    gaps, gap = (difference(mean_scores, counts) for counts in (drawn, exact))
    intervals = {key: around(float(gap[key]), gaps[key]) for key in MEANS}
    gaps, gap = (difference(class_scores, counts) for counts in (drawn, exact))
    for c, name in enumerate(names):
        intervals[f'class {name}'] = around(gap['IoU'][c], gaps['IoU'][:, c])
    return intervals, ''


def difference(
    score: Callable[..., Mapping[str, np.ndarray]], counts: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """The scores of the second counts minus those of the first, by name."""
    before, after = (score(*run_counts) for run_counts in counts)
    return {key: after[key] - before[key] for key in before}


def image_counts(metrics: dict, num_classes: int) -> ImageCounts | None:
    """The counts of ``per_image``, ordered by the ids of the images; None if a row has none."""
    rows = sorted(metrics.get('per_image') or [], key=lambda row: row['id'])
    if not rows or any('counts' not in row for row in rows):
        return None
    entries = [
        (i, int(c), *values) for i, row in enumerate(rows) for c, values in row['counts'].items()
    ]
    table = np.array(sorted(entries), np.int64).reshape(-1, 5)
    ids = [row['id'] for row in rows]
    unknown = np.full(len(ids), np.nan)
    return ImageCounts(
        ids,
        table[:, 0],
        classes=table[:, 1],
        counts=table[:, 2:],
        losses=unknown,
        num_classes=num_classes,
    )


def changed_images(a: dict, b: dict, count: int = 8) -> tuple[list[tuple], list[tuple]]:
    """(id, mIoU of A, mIoU of B) of the images with the largest gain and the largest loss."""
    before = {row['id']: row['mIoU'] for row in a.get('per_image') or []}
    shared = [
        (row['id'], before[row['id']], row['mIoU'])
        for row in b.get('per_image') or []
        if row['mIoU'] is not None and before.get(row['id']) is not None
    ]
    shared.sort(key=lambda row: row[1] - row[2])
    gained = [row for row in shared[:count] if row[2] > row[1]]
    return gained, [row for row in shared[::-1][:count] if row[2] < row[1]]


def render(result: Comparison, names: Sequence[str]) -> str:
    """The comparison as text; a star marks differences whose interval does not contain 0."""
    shown = PrettyTable(['', *names, 'difference', '95 % interval', ' '], align='r')
    shown.align[''] = 'l'
    rows = [*result.classes, *result.means]
    for i, row in enumerate(rows):
        cells = [number(row.a), number(row.b), signed(row.value), between(row.interval)]
        is_last = i == len(result.classes) - 1
        shown.add_row([row.name, *cells, '*' if row.sure else ''], divider=is_last)
    note = '*: the interval of the difference, over the same draws of images, leaves 0 out'
    return f'{shown.get_string()}\n{result.note or note}'
