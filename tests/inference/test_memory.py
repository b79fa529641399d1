"""Memory: several scales beside one; an image of 9000 x 9000 within 4 GiB."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from places import ROOT
from torch import nn

from mmdeeplab.inference.multi_scale import MultiScaleFlip
from mmdeeplab.models.analysis.memory import Peak

GIB = 1024  # in MiB
LARGEST = (897 / 513) ** 2  # the largest view has 3.06 times the pixels


def peak(model: nn.Module, call: Callable) -> int:
    """Bytes of tensors alive at once from image to labels, on the meta device."""
    image = torch.empty(1, 3, 513, 513, device='meta')
    with torch.no_grad(), Peak(image) as found:
        call(image).argmax(1)
    return found.bytes


def peaks(build: Callable[..., nn.Module], name: str, **options: object) -> tuple[int, int, int]:
    """Bytes of the weights, of one scale and of several."""
    with torch.device('meta'):
        net = build(name)
        several = MultiScaleFlip(net, **options)
    several.eval()
    metas = [dict(img_shape=(513, 513), pad_shape=(513, 513))]
    weights = sum(p.numel() * p.element_size() for p in net.parameters())
    single = peak(net, lambda image: net.encode_decode(image, metas))
    return weights, single, peak(several, several.encode_decode)


@pytest.mark.parametrize('name', ['deeplabv3plus_xception_voc', 'deeplabv1_vgg16_voc'])
def test_six_scales_and_mirrors_take_at_most_two_and_a_half_times_one_scale(
    build: Callable[..., nn.Module], name: str
) -> None:
    weights, single, several = peaks(build, name)
    assert weights + several <= 2.5 * (weights + single)


def test_what_is_kept_beside_the_largest_view_is_one_sum(build: Callable[..., nn.Module]) -> None:
    """A small network, whose weights do not hide it: the view, the sum and two small images."""
    _, single, several = peaks(build, 'deeplabv3_mobilenetv2_voc')
    total = 4 * 21 * 513**2
    images = 4 * 3 * (513**2 + 897**2)
    assert several <= LARGEST * single + total + images


def test_memory_does_not_grow_with_the_views(build: Callable[..., nn.Module]) -> None:
    few, many = (peaks(build, 'deeplabv3_mobilenetv2_voc', scales=(1.0,) * n)[2] for n in (1, 2))
    assert many == few


@pytest.mark.slow
def test_an_image_of_81_megapixels_within_4_gib(tmp_path: Path) -> None:
    """Decoded, labelled by bands and evaluated; its logits alone would take 6.3 GiB."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name('huge.py')), str(tmp_path), '9000'],
        env=os.environ | dict(OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['shape'] == [9000, 9000, 3]
    assert report['pixels'] == 9000**2
    assert report['accuracy'] == 100
    assert report['evaluated'] < 4 * GIB
    assert report['segmented'] > report['before'] + 300  # it was measured
