"""The page of an evaluation: whole, by itself, and true to the metrics."""

import base64
import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from html_reader import Reader
from PIL import Image

from mmdeeplab.evaluation.scores import scores
from mmdeeplab.report import charts
from mmdeeplab.report.compare import compare
from mmdeeplab.report.compare_page import build_comparison
from mmdeeplab.report.page import build_page
from mmdeeplab.report.pictures import WRONG, choose, error_map, example
from mmdeeplab.report.sections import classes
from mmdeeplab.report.tables import write_tables
from mmdeeplab.visualization.voc_palette import voc_palette


def metrics(count: int = 4, **more: object) -> dict:
    """An evaluation of ``count`` classes, the last one absent; one name is hostile."""
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 50, (count, count)) + np.diag(rng.integers(500, 5000, count))
    matrix[-1] = matrix[:, -1] = 0
    names = ['<b>wall</b>', *(f'class {i}' for i in range(1, count))]
    result = scores(matrix, names)
    for row in result['per_class'].values():
        row['interval'] = row['IoU'] and [row['IoU'] - 3, min(row['IoU'] + 2, 100)]
    rows = [dict(id=f'a{i}', mIoU=10.0 * i, aAcc=90.0) for i in range(9)]
    known = dict(
        intervals=dict(mIoU=[61.25, 83.5]),
        trimap={'1': 40.0, '5': 60.0, '20': 70.0},
        boundary_iou=dict(mean=55.5, ratio=0.02, per_class={}),
        num_images=9,
        config='deeplabv3_voc.py',
        per_image=rows,
        cfg_options=['model.x=<script>'],
    )
    return result | known | more


def drawn(name: str) -> dict:
    image = np.random.default_rng(1).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    truth = np.zeros((40, 60), np.uint8)
    truth[10:20, 10:20] = 1
    return dict(
        worst=[example(dict(id=name, mIoU=12.3, aAcc=45.6), image, truth, truth * 2, PALETTE)]
    )


PALETTE = voc_palette(4)


def test_the_page_needs_nothing_and_says_everything() -> None:
    whole = metrics()
    history = dict(loss=[(1, 2.0), (2, 1.0)], lr=[(1, 0.1), (2, 0.05)], mIoU=[(2, 50.0)])
    text = build_page(whole, drawn('2007_000032'), history)
    page = Reader(text)
    assert not re.search(r'https?://|<script|<link|@import|url\(', text)
    assert '<b>wall</b>' in page.text  # escaped in the source, read as text
    assert 'model.x=<script>' in page.text
    assert f'{whole["mIoU"]:.2f}' in page.text
    assert '61.25 to 83.50' in page.text
    assert 'Not in the labels: class 3' in page.text
    assert all(attrs.get('alt') for attrs in page.all('img'))
    assert all(attrs.get('aria-label') for attrs in page.all('svg'))
    assert len(page.all('img')) == 4
    wanted = {'summary', 'classes', 'confusion', 'where', 'images', 'training', 'settings'}
    assert {attrs['id'] for attrs in page.all('section')} == wanted
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', text, re.DOTALL)
    ious = [float(re.findall(r'<td>([\d.]+)</td>', row)[0]) for row in rows[:3]]
    assert ious == sorted(ious, reverse=True)


EVIL = '\x1b[31m\u202e\u2066\x07\n\ud800'


def spoiled(node: object) -> object:
    """Every word and key that comes from the data, with characters that move or hide text."""
    if isinstance(node, dict):
        fixed = {'per_class', 'per_image', 'intervals', 'trimap', 'boundary_iou'}
        return {
            (key + EVIL if key.startswith(('class', '<b>')) else key): (
                spoiled(value) if key in fixed or isinstance(value, (str, list, dict)) else value
            )
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [spoiled(item) for item in node]
    return node + EVIL if isinstance(node, str) else node


def test_no_name_moves_or_hides_text() -> None:
    whole = spoiled(metrics())
    assert isinstance(whole, dict)
    picture = drawn(f'id{EVIL}')
    texts = [
        build_page(whole, picture, dict(loss=[(1, 2.0), (2, 1.0)])),
        build_comparison(compare(whole, whole, 10), [whole, whole], [f'a{EVIL}', f'b{EVIL}']),
    ]
    for text in texts:
        assert '\\x1b[31m\\u202e' in text
        assert not set(EVIL) - set('[31m\n') & set(text)
        text.encode('utf-8')


@pytest.mark.parametrize('count', [2, 21, 150])
def test_any_number_of_classes(count: int) -> None:
    text = build_page(metrics(count))
    Reader(text)
    assert len(text) < 3_000_000


def test_optional_parts_may_be_missing() -> None:
    bare = dict(mIoU=None, per_class={'a': dict(IoU=None, Acc=None), 'b': dict(IoU=5.0, Acc=6.0)})
    page = Reader(build_page(bare))
    assert {attrs['id'] for attrs in page.all('section')} == {'summary', 'classes', 'settings'}


def test_missing_scores_come_last() -> None:
    """A class or a difference of 0 comes before one that is not known."""
    scores_of = dict(absent=None, zero=0.0, good=70.0, gone=None)
    metrics_of = [
        dict(mIoU=50.0, per_class={name: dict(IoU=score) for name, score in row.items()})
        for row in (scores_of, scores_of | dict(good=60.0))
    ]
    assert [row['name'] for row in classes(metrics_of[0])] == ['good', 'zero', 'absent', 'gone']
    page = build_comparison(compare(*metrics_of), metrics_of, ['a', 'b'])
    names = re.findall(r'<tr><th scope="row">(\w+)</th><td>', page)
    assert names[:4] == ['zero', 'good', 'absent', 'gone']


def test_a_curve_near_borders_keeps_its_zeros() -> None:
    whole = metrics(trimap={'1': 0.0, '5': 60.0})
    page = build_comparison(compare(whole, whole, 10), [whole, whole], ['a', 'b'])
    assert 'mIoU near the borders' in page


def test_confusions_are_shares_of_the_rows() -> None:
    whole = metrics(3)
    whole['confusion'] = [[75, 25, 0], [0, 10, 0], [0, 0, 0]]
    titles = re.findall(r'<title>(.*? as .*?)</title>', build_page(whole))
    assert titles == [
        '&lt;b&gt;wall&lt;/b&gt; as &lt;b&gt;wall&lt;/b&gt;: 75.0 %',
        '&lt;b&gt;wall&lt;/b&gt; as class 1: 25.0 %',
        'class 1 as class 1: 100.0 %',
    ]


def test_best_and_worst_are_chosen_once() -> None:
    rows = [dict(id=i, mIoU=m) for i, m in enumerate((5.0, None, 9.0, 1.0, 7.0))]
    best, worst = choose(rows, 4)
    assert [row['id'] for row in best] == [2, 4]
    assert [row['id'] for row in worst] == [3, 0]


@pytest.mark.parametrize(('score', 'title'), [(72.0, 'Best images'), (8.1, 'Least wrong images')])
def test_images_that_are_all_wrong_are_not_the_best(score: float, title: str) -> None:
    (item,) = drawn('x')['worst']
    best = item._replace(row=dict(id='y', mIoU=score, aAcc=40.0))
    page = build_page(metrics(), dict(worst=[item], best=[best]))
    assert re.findall('<h3>(.* images)</h3>', page) == ['Worst images', title]


def test_panels_show_the_labels_and_the_errors() -> None:
    (item,) = drawn('x')['worst']
    pictures = {name: decode(uri) for name, uri in item.panels.items()}
    assert pictures['truth'][15, 15].tolist() == list(PALETTE[1])
    assert pictures['prediction'][15, 15].tolist() == list(PALETTE[2])
    assert item.classes == [0, 1, 2]
    truth = np.array([[0, 1, 255]], np.uint8)
    image = np.full((1, 3, 3), 100, np.uint8)
    errors = error_map(image, truth, np.array([[0, 0, 0]], np.uint8), 2)
    assert [tuple(pixel) == WRONG for pixel in errors[0]] == [False, True, False]


def decode(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.partition('base64,')[2])
    return np.array(Image.open(io.BytesIO(data)).convert('RGB'))


def test_tables_hold_the_same_numbers(tmp_path: Path) -> None:
    whole = metrics()
    write_tables(tmp_path, whole)
    with (tmp_path / 'per_class.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['class'] for row in rows] == list(whole['per_class'])
    assert float(rows[1]['IoU']) == whole['per_class']['class 1']['IoU']
    assert float(rows[1]['IoU low']) == whole['per_class']['class 1']['interval'][0]
    assert rows[-1]['IoU'] == ''
    with (tmp_path / 'confusion.csv').open() as file:
        _, *counts = csv.reader(file)
    assert [[int(n) for n in row[1:]] for row in counts] == whole['confusion']


@pytest.mark.parametrize(
    ('low', 'high', 'wanted'),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (63, 85, [65, 70, 75, 80, 85]), (3, 3, [3])],
)
def test_ticks_are_round(low: float, high: float, wanted: list) -> None:
    assert charts.ticks(low, high) == wanted


def test_a_point_lies_where_its_numbers_say() -> None:
    frame = charts.Frame((0, 10), (0, 100), ('x', 'y'))
    assert frame.x(0) == charts.LEFT
    assert frame.x(10) == charts.WIDTH - charts.RIGHT
    assert frame.y(50) == pytest.approx((frame.y(0) + frame.y(100)) / 2)
    logarithmic = charts.Frame((1, 100), (0, 1), ('x', 'y'), log_x=True)
    assert logarithmic.x(10) == pytest.approx((logarithmic.x(1) + logarithmic.x(100)) / 2)
