"""Two runs: paired intervals against a plain loop."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from mmdeeplab.cli.compare_runs import main, short_names
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.scores import scores
from mmdeeplab.report.compare import changed_images, compare, read_metrics

CLASSES = ['a', 'b', 'c']


def run(quality: float, images: int = 12, seed: int = 0) -> tuple[dict, np.ndarray]:
    """Metrics of a made-up run and its per-image confusion matrices (N, C, C)."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, (images, 400))
    right = np.random.default_rng(seed + 1).random((images, 400)) < quality
    prediction = np.where(right, truth, (truth + 1) % 3)
    matrices = np.zeros((images, 3, 3), int)
    for n in range(images):
        np.add.at(matrices[n], (truth[n], prediction[n]), 1)
    rows = [
        dict(
            id=f'i{n:02d}',
            mIoU=scores(m, CLASSES)['mIoU'],
            counts={str(c): [int(m[c, c]), int(m[c].sum()), int(m[:, c].sum())] for c in range(3)},
        )
        for n, m in enumerate(matrices)
    ]
    return scores(matrices.sum(0), CLASSES) | dict(per_image=rows, num_images=images), matrices


def miou(matrix: np.ndarray) -> float:
    hit = np.diag(matrix)
    return 100 * float(np.mean(hit / (matrix.sum(0) + matrix.sum(1) - hit)))


def test_intervals_equal_a_plain_loop_over_the_same_draws() -> None:
    (a, first), (b, second) = run(0.7), run(0.75)
    result = compare(a, b, resamples=200)
    rng = np.random.default_rng(0)
    draws = [rng.standard_exponential(12) for _ in range(200)]
    gaps = [miou(np.tensordot(w, second, 1)) - miou(np.tensordot(w, first, 1)) for w in draws]
    means = {row.name: row for row in result.means}
    assert means['mIoU'].value == pytest.approx(miou(second.sum(0)) - miou(first.sum(0)))
    value, spread = means['mIoU'].value, 1.96 * np.std(gaps)
    assert means['mIoU'].interval == pytest.approx([value - spread, value + spread])
    assert means['mIoU'].sure


def test_a_run_against_itself_has_no_difference() -> None:
    a, _ = run(0.7)
    result = compare(a, a)
    assert all(row.value == 0 and row.interval == [0, 0] for row in result.classes)
    assert not any(row.sure for row in result.means)
    assert changed_images(a, a) == ([], [])


def test_what_cannot_be_paired_is_said() -> None:
    a, _ = run(0.7)
    fewer, _ = run(0.7, images=11)
    assert compare(a, fewer).note == 'no intervals: 1 images belong to one run only'
    old = copy.deepcopy(a)
    del old['per_image']
    assert 'no counts' in compare(a, old).note
    other = copy.deepcopy(a)
    other['per_class']['d'] = other['per_class'].pop('c')
    with pytest.raises(UserError, match='other classes'):
        compare(a, other)


def test_the_command_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, quality in (('first', 0.7), ('second', 0.8)):
        folder = tmp_path / name / 'report'
        folder.mkdir(parents=True)
        (folder / 'metrics.json').write_text(json.dumps(run(quality)[0]))
    out = tmp_path / 'new' / 'page.html'
    paths = [str(tmp_path / name / 'report') for name in ('first', 'second')]
    assert main([*paths, '--out', str(out)]) == 0
    printed = capsys.readouterr().out
    assert 'first' in printed
    assert '*' in printed
    page = out.read_text()
    assert 'second against first' in page
    assert 'it leaves 0 out' in page
    assert 'http' not in page
    assert main([*paths, '--out', str(out / 'page.html')]) == 2  # below a file
    assert 'error: cannot write' in capsys.readouterr().err


@pytest.mark.parametrize('content', [None, 'torn {', '{}', '[]'])
def test_what_is_no_evaluation_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / 'metrics.json').write_text(content)
    with pytest.raises(UserError, match=str(tmp_path)):
        read_metrics(tmp_path)


def test_scores_that_are_nan_are_missing_ones(tmp_path: Path) -> None:
    text = json.dumps(run(0.8)[0] | dict(mIoU=float('nan'), trimap={'1': float('inf')}))
    (tmp_path / 'metrics.json').write_text(text)
    metrics = read_metrics(tmp_path)
    assert metrics['mIoU'] is metrics['trimap']['1'] is None


@pytest.mark.parametrize('count', ['0', '-1'])
def test_a_number_of_draws_below_one_is_refused(
    tmp_path: Path, count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'metrics.json').write_text(json.dumps(run(0.8)[0]))
    assert main([str(tmp_path), str(tmp_path), '--resamples', count]) == 2
    assert f'at least 1, got {count}' in capsys.readouterr().err


def test_names_are_where_paths_differ() -> None:
    assert short_names(Path('runs/a/report'), Path('runs/b/report')) == ['a', 'b']
    assert short_names(Path('x'), Path('x')) == ['A', 'B']
