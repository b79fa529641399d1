"""What ``--fast`` promises of its labels, on photographs and weights that were really trained."""

from pathlib import Path

import numpy as np
import pytest

from mmdeeplab import DeepLabPredictor
from mmdeeplab.cli.convert_weights import main as convert
from mmdeeplab.inference.accelerate import engines_used, openvino

pytest.importorskip('openvino', reason="openvino is not installed (the extra 'export')")

PICTURES = 6
TIE = 1e-3  # between the two best scores, which reach 16


CONFIG = 'deeplabv3_mobilenetv2-coral_voc'


@pytest.fixture(scope='module')
def pictures(shared: Path) -> list[Path]:
    folder = shared / 'data/voc2012/JPEGImages'
    if not folder.is_dir():
        pytest.skip(f'needs {folder}, which is not here')
    return sorted(folder.iterdir())[:: 480 // PICTURES][:PICTURES]


@pytest.fixture(scope='module')
def weights(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = shared / 'voc_mobilenetv2/deeplabv3_mnv2_pascal_quant.tflite'
    found = tmp_path_factory.mktemp('coral') / 'coral.safetensors'
    assert convert(['tflite', str(file), str(found), '--config', CONFIG]) == 0
    return found


def test_labels_differ_only_at_ties(pictures: list[Path], weights: Path) -> None:
    """Where float32's fast labels are others, the two best scores of the pixel nearly agree.

    On 162 photographs of VOC 6 of 28,750,124 pixels were others: one in five million.
    """
    plain = DeepLabPredictor(CONFIG, weights, 'cpu')
    fast = DeepLabPredictor(CONFIG, weights, 'cpu', fast=True)
    pixels = others = 0
    for path in pictures:
        slow = plain(path)
        differs = fast(path).labels != slow.labels
        assert slow.logits is not None
        second, best = np.partition(slow.logits, -2, 0)[-2:][:, differs]
        assert (best - second < TIE).all()
        pixels += differs.size
        others += int(differs.sum())
    assert engines_used(fast.model) == ['openvino-f32']
    assert pixels > 150_000 * PICTURES
    assert others <= 3


def test_bf16_passes_its_check(pictures: list[Path], weights: Path) -> None:
    """On photographs together; one alone may be all border, and then runs in float32."""
    if not openvino.has_bf16():
        pytest.skip('needs a processor with bfloat16')
    fast = DeepLabPredictor(CONFIG, weights, 'cpu', fast='bf16', calibration=pictures)
    fast(pictures[0])
    assert engines_used(fast.model) == ['openvino-bf16']
