"""The drawings against real modules, and what docs/family.md says against the code."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from figures.command import main
from figures.compositions import CONFIGS, VERSIONS, compose
from figures.drawings import DRAWINGS
from figures.kernels import effective_kernel, reached, taps
from figures.pyramids import PIXEL, SIDE
from mmengine.config import Config
from PIL import Image
from places import ROOT
from torch import nn

from mmdeeplab.models.atrous import scale_rates

PAGE = ROOT / 'docs' / 'family.md'
IMAGES = ROOT / 'docs' / 'images'


@pytest.fixture(scope='module')
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('drawings')
    assert main(['--out', str(out)]) == 0
    return out


def test_the_command_draws_what_the_page_shows(drawn: Path) -> None:
    files = {path.name for path in drawn.iterdir()}
    assert files == {f'{name}.png' for name in DRAWINGS}
    assert files == set(re.findall(r'\(images/(\w+\.png)\)', PAGE.read_text()))


@pytest.mark.parametrize('name', DRAWINGS)
def test_the_page_shows_what_the_command_draws(drawn: Path, name: str) -> None:
    committed = IMAGES / f'{name}.png'
    assert committed.stat().st_size < 120_000
    ours, theirs = (Image.open(path).convert('L') for path in (drawn / committed.name, committed))
    assert ours.size == theirs.size
    # fonts may be rendered otherwise by another version of Matplotlib
    ours, theirs = (np.asarray(image.reduce(4), float) for image in (ours, theirs))
    assert np.abs(ours - theirs).mean() < 2


def inputs_of_one_output(rates: tuple[int, ...], side: int = 81) -> np.ndarray:
    """Rows that the middle output of real 3x3 convolutions depends on, relative to it."""
    layers = [nn.Conv2d(1, 1, 3, padding=r, dilation=r, bias=False) for r in rates]
    for layer in layers:
        nn.init.ones_(layer.weight)
    x = torch.ones(1, 1, side, side, requires_grad=True)
    nn.Sequential(*layers)(x)[0, 0, side // 2, side // 2].backward()
    return x.grad[0, 0].any(1).nonzero().flatten().numpy() - side // 2


@pytest.mark.parametrize('rate', [1, 2, 4, 12])
def test_taps_are_those_of_a_convolution(rate: int) -> None:
    assert taps(rate) == inputs_of_one_output((rate,)).tolist()
    assert effective_kernel(3, rate) == 2 * rate + 1 == np.ptp(taps(rate)) + 1


@pytest.mark.parametrize('rates', [(1, 1, 1), (1, 2, 4), (4, 2, 1), (1, 3)])
def test_drawn_fields_are_those_of_convolutions_and_of_the_formula(rates: tuple) -> None:
    field = sorted(reached(rates)[-1])
    assert field == inputs_of_one_output(rates).tolist()
    assert field[-1] - field[0] + 1 == 1 + 2 * sum(rates)


def test_four_taps_of_the_drawn_pixel_meet_the_map_at_rate_18() -> None:
    inside = [
        0 <= PIXEL[0] + x < SIDE and 0 <= PIXEL[1] + y < SIDE for x in taps(18) for y in taps(18)
    ]
    assert sum(inside) == 4
    assert 'reads four of its nine taps' in PAGE.read_text().replace('\n', ' ')


def test_compositions_by_hand() -> None:
    """Spec: strides and rates of the versions; only v3+ has a low-level map."""
    parts = {
        version[:-6]: compose(Config.fromfile(CONFIGS / f'{config}.py').model)
        for version, config in VERSIONS.items()
    }
    assert {v: part.output_stride for v, part in parts.items()} == dict(v1=8, v2=8, v3=16) | {
        'v3+': 16
    }
    assert [version for version, part in parts.items() if part.low_level] == ['v3+']
    assert parts['v1'].neck == ['LargeFOVNeck', 'rate 12']
    assert parts['v2'].neck == []
    assert parts['v2'].backbone[-1] == 'input scales 1, 0.75, 0.5'
    assert parts['v2'].head[:2] == ['ASPPV2Head', 'rates 6, 12, 18, 24']
    assert parts['v3'].backbone[-1] == 'multi-grid 1, 2, 4'
    assert parts['v3'].neck[:2] == parts['v3+'].neck[:2] == ['ASPPNeck', 'rates 6, 12, 18']
    assert 'separable 3 \N{MULTIPLICATION SIGN} 3' in parts['v3+'].neck


def test_the_page_names_parts_and_configs_that_are_there() -> None:
    rows = re.findall(r'^\| v\d.*$', PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 6
    for row in rows:
        (config,) = re.findall(r'`(\w[\w-]+\.py)`', row)
        model = Config.fromfile(CONFIGS / config).model
        wrapper = model if model.type == 'mmdeeplab.MSC' else None
        parts = [model.backbone, wrapper, model.get('neck'), model.decode_head]
        names = [part.type.split('.')[-1] for part in parts if part]
        assert names == re.findall(r'`(\w+)`', row.replace(config, ''))


@pytest.mark.parametrize('output_stride', [32, 16, 8])
def test_the_page_states_the_executed_rates(
    build: Callable[..., nn.Module], output_stride: int
) -> None:
    option = {'model.backbone.output_stride': output_stride}
    xception = build('deeplabv3plus_xception_voc', **option).backbone
    units = [xception.middle_flow[-1], *xception.exit_flow]
    rates = ', '.join(str(unit.sep1.depthwise_conv.conv.dilation[0]) for unit in units)
    resnet = build('deeplabv3_r101-beta_voc', **option).backbone
    third = {unit.conv2.conv.dilation[0] for unit in resnet.block3}
    assert len(third) == 1
    fourth = ', '.join(str(unit.conv2.conv.dilation[0]) for unit in resnet.block4)
    aspp = ', '.join(map(str, scale_rates((6, 12, 18), 16, output_stride)))
    side = 512 // output_stride + 1
    row = f'| {output_stride} | {rates} | {third.pop()}; {fourth} | {aspp} | {side} x {side} |'
    assert row in PAGE.read_text()


def test_the_page_does_its_sums() -> None:
    text = PAGE.read_text()
    rows = re.findall(r'^\| (\d+) to (\d+).* \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \|$', text, re.M)
    assert len(rows) == 4
    for row in rows:
        c, d, plain, separable = (int(number.replace(',', '')) for number in row[:4])
        assert (plain, separable) == (9 * c * d, 9 * c + c * d)
        assert float(row[4]) == pytest.approx(separable / plain, abs=5e-4)
    assert f'{1 - 54.04 / 86.68:.1%}'.replace('%', ' %') in text
