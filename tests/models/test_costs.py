"""Parameters and multiply-adds against the published tables (spec 2.6)."""

from collections.abc import Callable

import make_costs
import pytest
import torch
from costs import MODELS, PUBLISHED, name
from make_costs import cost
from places import ROOT
from torch import nn

from mmdeeplab.models.analysis import multiply_adds


@pytest.mark.parametrize(
    ('config', 'options', 'params', 'giga'),
    MODELS,
    ids=map(name, MODELS),
)
def test_costs(config: str, options: dict, params: int, giga: float | None) -> None:
    found = cost(config, options)
    assert found.parameters == params
    if giga is not None:
        assert found.multiply_adds == pytest.approx(giga * 1e9, rel=1e-3)


@pytest.mark.parametrize(
    ('config', 'options', 'mega', 'giga'),
    PUBLISHED,
    ids=map(name, PUBLISHED),
)
def test_published(config: str, options: dict, mega: float | None, giga: float | None) -> None:
    """As printed, within rounding; TF's padding for atrous convolutions is in the figures."""
    found = cost(config, options)
    if mega is not None:
        assert found.parameters / 1e6 == pytest.approx(mega, abs=0.005)
    if giga is not None:
        assert found.padded / 1e9 == pytest.approx(giga, rel=0.02)


def test_padding_of_space_to_batch(build: Callable[..., nn.Module]) -> None:
    """ASPP of full convolutions: 2.93 G more at output stride 16 and 13.58 G at 8 (spec 2.6)."""
    for options, giga in (
        ({}, 2.93),
        ({'model.neck.rates': (12, 24, 36), 'model.backbone.output_stride': 8}, 13.58),
    ):
        with torch.device('meta'):  # what is counted needs no values
            model = build('deeplabv3_xception_voc', **{'model.neck.separable': False, **options})
        with_padding, without = (
            multiply_adds(model, (1, 3, 513, 513), flag)['neck'] for flag in (True, False)
        )
        assert (with_padding - without) / 1e9 == pytest.approx(giga, abs=0.005)


def test_the_documents_table_is_generated_from_these_rows() -> None:
    assert (ROOT / 'docs' / 'costs.md').read_text() == make_costs.page()
