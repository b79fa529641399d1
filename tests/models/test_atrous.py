"""The arithmetic of output stride."""

import math

import pytest

from mmdeeplab.models.atrous import (
    aligned,
    aligned_within,
    atrous_steps,
    corners_aligned,
    scale_rates,
    step_at,
)


def test_the_unit_that_loses_its_stride_keeps_its_rate() -> None:
    assert atrous_steps([2, 1, 2, 1, 2, 1], 2) == [(2, 1), (1, 1), (1, 1), (1, 2), (1, 2), (1, 4)]


def test_nominal_strides_stay() -> None:
    assert atrous_steps([2, 1, 2], 4) == [(2, 1), (1, 1), (2, 1)]


def test_strides_that_cannot_be_cut_are_refused() -> None:
    with pytest.raises(ValueError, match='reach output stride 3, not 4'):
        atrous_steps([3, 3], 4)


@pytest.mark.parametrize('output_stride', [4, 8, 16, 32])
def test_a_layer_by_its_map_is_a_layer_in_its_order(output_stride: int) -> None:
    strides = [2, 1, 2, 2, 1, 1, 2, 1, 2, 1]
    read = [math.prod(strides[:i]) for i in range(len(strides))]
    found = [step_at(*pair, output_stride) for pair in zip(read, strides, strict=True)]
    assert found == atrous_steps(strides, output_stride)


@pytest.mark.parametrize(
    ('nominal', 'stride', 'step'), [(4, 4, (2, 1)), (8, 4, (1, 1)), (16, 2, (1, 2))]
)
def test_a_stride_is_cut_where_the_output_stride_is_reached(
    nominal: int, stride: int, step: tuple
) -> None:
    assert step_at(nominal, stride, 8) == step


@pytest.mark.parametrize(('new', 'rates'), [(8, (12, 24, 36)), (16, (6, 12, 18)), (32, (3, 6, 9))])
def test_rates_follow_the_output_stride(new: int, rates: tuple) -> None:
    assert scale_rates((6, 12, 18), 16, new) == rates


def test_rates_without_an_equal_are_refused() -> None:
    with pytest.raises(ValueError, match='no equal at 32'):
        scale_rates((3, 6, 9), 16, 32)


def test_sides_of_16_k_and_1() -> None:
    """Sides like 513; the neighbours are found by counting."""
    for side in range(17, 600):
        assert corners_aligned((513, side)) == (side in range(1, 600, 16))
        assert aligned(side) == next(n for n in range(side, side + 16) if corners_aligned((n,)))
        assert aligned_within(side) == next(n for n in range(side, 0, -1) if corners_aligned((n,)))
    assert not corners_aligned((1, 1))
