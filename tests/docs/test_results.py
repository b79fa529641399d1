"""The page of results is made of its files, and figures in prose are those of the files."""

import itertools
import json
import re
from collections.abc import Iterator

import pytest
from blocks import FENCE, PAGES
from places import ROOT

from benchmarks.ablation.heads import HEADS
from benchmarks.scores.page import page, read
from mmdeeplab.evaluation.bootstrap import image_sums, intervals
from mmdeeplab.evaluation.scores import mean_scores
from mmdeeplab.report.compare import image_counts

FOLDER = ROOT / 'docs/results'
MADE = {'docs/results'}  # of the files itself
# Who quotes a score of these images says so in the same sentence.
QUOTES = re.compile(r"of (?:VOC's|the) 1,449\s+validation\s+images")
FIGURE = re.compile(r'(?<![\d.,])\d{1,2}\.\d\d(?!\d)')


def rows() -> list[dict]:
    found = [json.loads(path.read_text()) for path in sorted(FOLDER.glob('*/*.json'))]
    return [row for row in found if 'mIoU' in row]


def known_figures() -> set[str]:
    """Every score, bound, band and class of the files, and the differences of any two scores."""
    values = [
        value
        for row in rows()
        for value in (
            *(row['mIoU'], *row['interval'], *row['trimap'].values()),
            *(each['IoU'] for each in row['per_class'].values()),
        )
    ]
    scores = [row['mIoU'] for row in rows()]
    values += [abs(a - b) for a, b in itertools.combinations(scores, 2)]
    return {f'{value:.2f}' for value in values}


def quoting(page: str) -> list[str]:
    """The sentences of a page that quote scores on these images."""
    sentences = re.split(r'\n\s*\n|(?<=[.:;])\s', FENCE.sub('', PAGES[page].read_text()))
    return [text for text in sentences if QUOTES.search(text)]


def test_the_page_is_made_of_its_files() -> None:
    assert len(rows()) >= 5
    assert PAGES['docs/results'].read_text() == page(read(FOLDER))


def test_scores_and_intervals_are_those_of_the_counts() -> None:
    for row in rows():
        images = image_counts(row, len(row['per_class']))
        assert images is not None
        assert len(images.paths) == row['data']['images']
        assert row['mIoU'] == pytest.approx(mean_scores(*image_sums(images))['mIoU'])
        assert row['interval'] == pytest.approx(intervals(images)['mIoU'])


@pytest.mark.parametrize('page', sorted({*PAGES} - MADE))
def test_figures_in_prose_are_those_of_the_files(page: str) -> None:
    images = {row['data']['images'] for row in rows()}
    for text in quoting(page):
        assert [f for f in FIGURE.findall(text) if f not in known_figures()] == [], text
        counts = re.findall(r'(\d+) ' + QUOTES.pattern, text)
        assert {int(count) for count in counts} <= images, text


@pytest.mark.parametrize(
    ('page', 'begin', 'files'),
    [
        (
            'docs/ablation',
            '## On a trained encoder',
            ['ablation_heads', 'ablation_trained_encoder'],
        ),
        ('docs/finetune', '| tested at six scales', ['films']),
    ],
)
def test_figures_below_a_table_are_those_of_its_file(
    page: str, begin: str, files: list[str]
) -> None:
    """The tables themselves have tests of their own."""
    text = PAGES[page].read_text().split(begin)[1]
    prose = '\n'.join(line for line in FENCE.sub('', text).splitlines() if line[:1] != '|')
    summaries = [json.loads((ROOT / f'docs/{file}.json').read_text()) for file in files]
    published = {f for head in HEADS for f in FIGURE.findall(f'{head.published} {head.finer}')}
    own = {f'{abs(value):.2f}' for summary in summaries for value in numbers(summary)}
    found = FIGURE.findall(prose)
    assert len(found) > 3
    assert [figure for figure in found if figure not in own | known_figures() | published] == []


def numbers(node: object) -> Iterator[float]:
    """Every number of plain data."""
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from numbers(value)
    elif isinstance(node, float):
        yield node


def test_somebody_quotes_them() -> None:
    assert any(FIGURE.search(text) for page in {*PAGES} - MADE for text in quoting(page))


@pytest.mark.parametrize('slip', ['73.30', '0.11'])
def test_a_slip_is_found(slip: str) -> None:
    assert FIGURE.findall(f'mIoU {slip} (4.1, 1,449, 12.345, 100 %)') == [slip]
    assert slip not in known_figures()
