"""Scores beside speed, against scores counted by hand."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from places import ROOT

from benchmarks import run
from benchmarks.__main__ import main
from benchmarks.case import Within, Work
from benchmarks.networks import network
from mmdeeplab import DeepLabPredictor
from mmdeeplab.datasets.mini_voc import MiniVoc, generate

CONFIG = 'deeplabv3plus_mobilenetv2_voc'
SIDE, CLASSES, VOID = 65, 21, 255
BACKGROUND = 24.0  # as much as the largest scores: some pixels are right


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A small network that has learned nothing, a data set of three pictures to judge it by."""
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr('benchmarks.measure.SHORTEST', 0.0)
    pytest.importorskip('openvino')
    monkeypatch.setattr('mmdeeplab.inference.accelerate.openvino.has_bf16', lambda: True)
    monkeypatch.setattr('mmdeeplab.inference.accelerate.engine.has_vnni', lambda: True)
    monkeypatch.setattr(run.limits, 'limits', lambda scale: {'matmul fp32': 1.0})
    root, config, weights = (tmp_path / name for name in ('voc', 'small.py', 'w.pth'))
    generate(root, MiniVoc(train=2, val=3, size=64), quiet=True)
    base = ROOT / 'configs' / f'{CONFIG}.py'
    config.write_text(
        f'_base_ = {str(base)!r}\n'
        f'model = dict(data_preprocessor=dict(test_size=({SIDE}, {SIDE})))\n'
        'train_dataloader = dict(dataset=dict(split="train", mask_dir="SegmentationClass"))\n'
    )
    state = network(CONFIG)[0].state_dict()
    state['decode_head.conv_seg.bias'][0] += BACKGROUND
    torch.save(dict(state_dict=state), weights)
    named = {'--config': config, '--checkpoint': weights, '--data-root': root}
    return [str(word) for pair in named.items() for word in pair]


def by_hand(options: list[str]) -> tuple[float, int]:
    """mIoU of the plain predictor by the masks on disk, pixel by pixel, and how many there are."""
    config, weights, root = (Path(word) for word in options[1::2])
    predictor = DeepLabPredictor(Config.fromfile(config), weights, 'cpu')
    names = (root / 'ImageSets' / 'Segmentation' / 'val.txt').read_text().split()
    assert len(names) == 3
    shared, either, pixels = np.zeros(CLASSES), np.zeros(CLASSES), 0
    for name in names:
        found = predictor(root / 'JPEGImages' / f'{name}.jpg').labels
        truth = np.array(Image.open(root / 'SegmentationClass' / f'{name}.png'))
        known = truth != VOID
        pixels += truth.size
        for i in range(CLASSES):
            a, b = (found == i) & known, (truth == i) & known
            shared[i] += (a & b).sum()
            either[i] += (a | b).sum()
    return 100 * float(np.mean(shared[either > 0] / either[either > 0])), pixels


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
def test_rows_have_scores_and_their_goals(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'r.json'
    fast = ['run', 'quality', '--tiny', '--rounds', '1', '--json', str(out)]
    assert main([*fast, *options]) == 0
    (one,) = json.loads(out.read_text())['cases']['quality']['comparisons']
    assert one['title'] == 'small, 3 pictures of the validation split'
    rows = {row['name']: row for row in one['rows']}
    notes = {name: row['notes'] for name, row in rows.items()}
    engines = {name: note['engine'] for name, note in notes.items()}
    assert engines == {
        'eager': 'plain',
        'fast': 'openvino-f32',
        'fast bf16': 'openvino-bf16',
        'fast int8': 'openvino-int8',
    }
    mean, pixels = by_hand(options)
    assert mean > 1
    assert notes['eager']['mIoU'] == notes['fast']['mIoU'] == f'{mean:.2f}'
    shares = {name: note.get('labels as eager', '') for name, note in notes.items()}
    assert shares['fast'].endswith(f' of {pixels} differ)')
    assert float(shares['fast'].split()[0]) > 0.999
    others = int(shares['fast int8'].split('(')[1].split()[0])
    assert shares['fast int8'] == f'{1 - others / pixels:.6f} ({others} of {pixels} differ)'
    assert 0 < others < pixels  # rounding was there
    assert shares['eager'] == ''
    for name, bound in (('fast bf16', 0.2), ('fast int8', 1)):
        change = float(notes[name]['mIoU']) - float(notes['eager']['mIoU'])
        assert float(rows[name]['reached']) == pytest.approx(change, abs=0.011)
        assert rows[name]['goal'] == f'mIoU within {bound}'
    text = capsys.readouterr().out
    assert len(re.findall(r'goal mIoU within [\d.]+: (?:met|\*\*missed\*\*) \([+-]', text)) == 2


def test_without_a_network_nothing_is_run_or_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'r.json'
    assert main(['run', 'quality', '--json', str(out)]) == 0
    assert 'quality is not run: it needs --config CONFIG' in capsys.readouterr().out
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
def test_an_engine_that_does_not_run_here_is_told(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr('mmdeeplab.inference.accelerate.openvino.has_bf16', lambda: False)
    monkeypatch.setattr('mmdeeplab.inference.accelerate.engine.has_vnni', lambda: False)
    assert main(['run', 'quality', '--tiny', '--rounds', '1', *options]) == 0
    text = capsys.readouterr().out
    assert text.count('not run: openvino-f32 runs instead |') == 2
    assert '| fast | mmdeeplab |' in text


@pytest.mark.parametrize(('change', 'met'), [(-0.2, True), (0.1, True), (-0.21, False)])
def test_a_score_within_its_bound(change: float, met: bool) -> None:
    assert Work(lambda: 1).within is None
    found = Within('mIoU', 0.2, change).judged()
    assert (found['met'], found['reached']) == (met, f'{change:+.2f}')
    assert Within('mIoU', 0.2, -0.001).judged()['reached'] == '+0.00'
