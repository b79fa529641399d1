"""What an evaluation keeps beside its numbers, and how it is written."""

import json
import random
import re

import numpy as np
import pytest
import torch

from mmdeeplab.evaluation.extremes import Extremes
from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.evaluation.result import to_json
from mmdeeplab.report.pictures import choose

CONTENT = dict(
    mIoU=12.5,
    name='a "b" [\n1, 2\n] {c}',
    nothing=None,
    per_class={'a': dict(IoU=1e-9, interval=[0.5, 1.0]), 'b': dict(IoU=None, interval=None)},
    absent=[],
    words=['a', 'b'],
    none={},
    confusion=[[1, 2], [30000000000, 4]],
    flags=[True, None, 0.1],
    mixed=[1, 'x', [2]],
    per_image=[dict(id='x/y', counts={'0': [1, 2, 3]}), dict(id='\u00e9', counts={})],
)


def test_json_is_that_of_the_standard_library_with_numbers_on_one_line() -> None:
    text = to_json(CONTENT)
    assert json.loads(text) == CONTENT
    plain = {key: value for key, value in CONTENT.items() if key != 'name'}
    joined = re.sub(
        r'\[\n[^][{}"]*\]', lambda row: ' '.join(row[0].split()), json.dumps(plain, indent=2)
    )
    assert to_json(plain) == joined
    assert '"confusion": [\n    [ 1, 2 ],\n    [ 30000000000, 4 ]\n  ]' in joined


@pytest.mark.parametrize('number', [0, 1, 3, 7, 8, 9, 40])
@pytest.mark.parametrize('count', [0, 1, 4])
def test_the_images_of_the_report_are_kept_whatever_their_order(number: int, count: int) -> None:
    """Scores repeat; the report chooses among all images, sorted by path."""
    generator = random.Random(number)
    scores = [generator.choice([None, 10.0, 20.0, 20.0, 55.5, 90.0]) for _ in range(number)]
    images = [(f'{i:03}.jpg', score) for i, score in enumerate(scores)]
    chosen = [*choose([dict(id=path, mIoU=score) for path, score in images], count)]
    for _ in range(5):
        generator.shuffle(images)
        extremes = Extremes(count)
        for path, score in images:
            extremes.add(path, score, torch.full((3, 5), int(path[:3])))
        kept = extremes.gather()
        assert {row['id'] for rows in chosen for row in rows} <= kept.keys()
        assert len(kept) <= 2 * count
        assert all((k.labels() == int(path[:3])).all() for path, k in kept.items())


@pytest.mark.parametrize('largest', [1, 255, 256, 70000])
def test_label_maps_come_back(largest: int) -> None:
    labels = torch.randint(0, largest + 1, (37, 53))
    labels[0, 0] = largest
    extremes = Extremes(1)
    extremes.add('a', 1.0, labels.T)
    (kept,) = extremes.gather().values()
    np.testing.assert_array_equal(kept.labels(), labels.T.numpy())


def test_a_negative_number_of_examples_is_refused() -> None:
    with pytest.raises(ValueError, match='examples must be at least 0'):
        SegMetric(examples=-1)
