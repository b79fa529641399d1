"""Exported networks, run by their own runtimes, at odd and even sizes."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from networks import random_checkpoint
from places import ROOT
from torch import nn
from torch.nn import functional as F

from mmdeeplab.cli.export import FORMAT_NAMES, _parser, main, read_spec
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.errors import UserError
from mmdeeplab.export.formats import FORMATS, open_artefact
from mmdeeplab.export.graph import build_graph
from mmdeeplab.export.run import ExportSpec, describe_network, export
from mmdeeplab.export.samples import Sample, of_other_sizes, read_samples
from mmdeeplab.inference.accelerate.fall_back import fall_back
from mmdeeplab.inference.accelerate.packages import require
from mmdeeplab.inference.accelerate.parity import TOLERANCES, ParityReport, Tolerance, faults
from mmdeeplab.inference.build import load_segmentor
from mmdeeplab.models.backbones import mobilenet_v2
from mmdeeplab.models.backbones.resnet_layers import SamePool
from mmdeeplab.models.layers.same_conv import SameConv2d
from mmdeeplab.processor import has_vnni

CONFIG = str(ROOT / 'configs/deeplabv3plus_mobilenetv2_mini-voc.py')
SIDE = 49
SIZES = [(49, 49), (50, 56), (57, 54), (52, 51), (20, 15)]  # each with both sides in one 16 k + 1
OPTIONS = [
    f'model.data_preprocessor.test_size=({SIDE},{SIDE})',
    'model.decode_head.in_channels=(96,256)',  # with one block a row
]


@pytest.fixture(scope='module', autouse=True)
def _short() -> None:
    """MobileNetV2 with one block a row: the strides are all there, and exports take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        rows = [(factor, width, 1, stride) for factor, width, _, stride in mobilenet_v2.TABLE]
        patch.setattr(mobilenet_v2, 'TABLE', tuple(rows))
        yield


@pytest.fixture(scope='module')
def cfg() -> Config:
    return load_config(CONFIG, ConfigOptions(OPTIONS))


@pytest.fixture(scope='module')
def checkpoint(cfg: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_checkpoint(cfg, tmp_path_factory.mktemp('weights'))


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('mini-voc')
    generate(out, MiniVoc(train=2, val=4, size=48), quiet=True)
    return out


@pytest.fixture(scope='module')
def model(cfg: Config, checkpoint: Path) -> nn.Module:
    return load_segmentor(cfg, checkpoint, 'cpu')[0]


@pytest.fixture(scope='module')
def samples(cfg: Config, data: Path) -> list[Sample]:
    return read_samples(cfg, data, 3, 21)


def picture(size: Sequence[int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@torch.no_grad()
def expected(model: nn.Module, rgb: np.ndarray, padded: bool = True) -> torch.Tensor:
    """Scores (C, H, W): scaled to -1..1, padded to 49, 65, ..., aligned corners."""
    height, width = rgb.shape[:2]
    sides = [side for side in (49, 65) if side >= max(height, width)][:1] * 2
    x = torch.zeros(1, 3, *(sides if padded else (height, width)))
    x[0, :, :height, :width] = torch.from_numpy(rgb / 127.5 - 1).permute(2, 0, 1)
    y = F.interpolate(model(x, mode='tensor'), x.shape[2:], mode='bilinear', align_corners=True)
    return y[0, :, :height, :width]


def make_spec(tmp_path: Path, name: str, **options: object) -> ExportSpec:
    spec = dict(precision='float', size=None, processing=False, tolerance=TOLERANCES['float'])
    return ExportSpec(format=name, out=tmp_path / f'net{FORMATS[name].suffix}', **(spec | options))


def installed(name: str) -> None:
    for package in FORMATS[name].needs:
        pytest.importorskip(package, reason=f"{package} is not installed (the extra 'export')")


@pytest.mark.parametrize('layer', ['conv3', 'conv5', 'pool'])
def test_padding_of_open_sizes_is_that_of_numbers(layer: str) -> None:
    kernel = int(layer[-1]) if layer != 'pool' else 0
    module = SameConv2d(2, 3, kernel, stride=2) if kernel else SamePool()
    open_axes = ({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(module, (torch.rand(1, 2, 9, 12),), dynamic_shapes=open_axes)
    for height in range(5, 13):
        x = torch.rand(1, 2, height, 17 - height)
        y = program.module()(x)
        assert y.shape[2:] == (-(-height // 2), -(-(17 - height) // 2))
        torch.testing.assert_close(y, module(x))


@pytest.mark.parametrize('size', SIZES)
def test_the_graphs_are_evaluation(model: nn.Module, size: tuple[int, int]) -> None:
    rgb = picture(size)
    scores = expected(model, rgb)
    assert len(scores.argmax(0).unique()) > 2
    labels = build_graph(model, True)(torch.from_numpy(rgb)[None])
    assert labels.dtype == torch.uint8
    assert (labels[0] == scores.argmax(0)).float().mean() > 0.998
    if min(size) >= SIDE:
        x = torch.from_numpy(rgb / 127.5 - 1).float().permute(2, 0, 1)[None]
        bare = expected(model, rgb, padded=False)
        torch.testing.assert_close(build_graph(model, False)(x)[0], bare, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('name', 'processing'),
    [
        ('torchscript', True),
        ('torchscript', False),
        pytest.param('onnx', True, marks=pytest.mark.slow),
    ],
)
def test_any_size(
    model: nn.Module,
    samples: list[Sample],
    cfg: Config,
    checkpoint: Path,
    tmp_path: Path,
    name: str,
    processing: bool,
) -> None:
    """Also: batches, and what the file tells of itself."""
    installed(name)
    spec = make_spec(tmp_path, name, processing=processing)
    known = describe_network(cfg, CONFIG, checkpoint, {}, model, spec)
    outcome = export(spec, model, known, samples)
    assert outcome.parity.faults == []
    assert outcome.files == [spec.out]
    assert [path.name for path in tmp_path.iterdir()] == [spec.out.name]
    if name != 'torchscript':  # which keeps the paths of the code that was traced
        assert str(ROOT).encode() not in spec.out.read_bytes()
    run, told = open_artefact(spec.out)
    assert told['classes'][15] == 'person'
    assert told['palette'][1] == [128, 0, 0]
    assert len(told['checkpoint_sha256']) == 64
    assert told['mean'] == [127.5] * 3
    for size in SIZES:
        rgb = picture(size)
        scores = expected(model, rgb, padded=processing)
        if processing:
            both = run(np.stack([rgb, picture(size, 1)]))
            assert both.shape == (2, *size)
            assert np.mean(both[0] == scores.argmax(0).numpy()) > 0.998
        elif min(size) >= SIDE:
            x = (rgb / 127.5 - 1).astype(np.float32).transpose(2, 0, 1)[None]
            np.testing.assert_allclose(run(x)[0], scores, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('processing', [True, False])
def test_any_size_where_evaluation_does_not_pad(
    model: nn.Module,
    samples: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processing: bool,
) -> None:
    """As the protocols ``native`` and those of mmsegmentation."""
    monkeypatch.setattr(model.data_preprocessor, 'test_size', (1, 1))
    spec = make_spec(tmp_path, 'torchscript', processing=processing)
    assert export(spec, model, dict(precision='float'), samples).parity.faults == []


@pytest.mark.parametrize('processing', [True, False])
def test_a_foreground_of_one_channel(
    samples: list[Sample],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    processing: bool,
) -> None:
    head = dict(num_classes=2, out_channels=1, threshold=0.3)
    options = [f'model.decode_head.{key}={value}' for key, value in head.items()]
    cfg = load_config(CONFIG, ConfigOptions([*OPTIONS, *options]))
    checkpoint = random_checkpoint(cfg, tmp_path_factory.mktemp('weights'))
    model, loaded = load_segmentor(cfg, checkpoint, 'cpu')
    plain = [Sample(sample.name, sample.picture) for sample in samples]  # masks are of 21 classes
    model.decode_head.conv_seg.bias.data -= expected(model, plain[0].picture).median()
    spec = make_spec(tmp_path, 'torchscript', processing=processing)
    known = describe_network(cfg, CONFIG, checkpoint, loaded, model, spec)
    assert export(spec, model, known, plain).parity.faults == []
    run, told = open_artefact(spec.out)
    assert told['threshold'] == 0.3
    if processing:
        rgb = plain[0].picture
        truth = expected(model, rgb)[0].numpy() > np.log(0.3 / 0.7)
        assert 0.1 < truth.mean() < 0.9
        assert np.mean(run(rgb[None])[0] == truth) > 0.998


def test_pt2_at_one_size(model: nn.Module, samples: list[Sample], tmp_path: Path) -> None:
    spec = make_spec(tmp_path, 'pt2', size=(SIDE, SIDE))
    killed = tmp_path / f'.tmp-{socket.gethostname()}-{2**30}-abc'  # no process has this number
    (killed / 'int8').mkdir(parents=True)
    report = export(spec, model, dict(precision='float'), samples).parity
    assert list(tmp_path.iterdir()) == [spec.out]
    assert report.faults == []
    assert report.difference < 1e-4 * report.largest
    assert open_artefact(spec.out)[0](np.zeros((1, 3, SIDE, SIDE), np.float32)).shape[-2:] == (
        49,
        49,
    )


def test_half_and_one_size(model: nn.Module, samples: list[Sample], tmp_path: Path) -> None:
    spec = make_spec(
        tmp_path, 'torchscript', precision='half', size=(SIDE, SIDE), tolerance=TOLERANCES['half']
    )
    report = export(spec, model, {}, samples).parity
    assert 0 < report.difference < 0.05 * report.largest
    larger = [Sample('big.png', picture((60, 30)))]
    with pytest.raises(UserError, match=r'big\.png is 60x30, this artefact takes .* up to 49x49'):
        export(spec, model, {}, larger)
    exact = spec._replace(processing=True)
    with pytest.raises(UserError, match='exactly'):
        export(exact, model, {}, [Sample('small.png', picture((20, 30)))])


def test_the_network_stays_as_it_is(
    model: nn.Module, samples: list[Sample], tmp_path: Path
) -> None:
    usual = model.data_preprocessor.test_size
    spec = make_spec(tmp_path, 'torchscript', size=(SIDE + 16, SIDE + 16))
    assert export(spec, model, {}, samples).parity.faults == []
    assert model.data_preprocessor.test_size == usual != spec.size


@pytest.mark.slow
@pytest.mark.parametrize('name', ['onnx', 'openvino'])
def test_int8_leaves_in_float_what_costs_too_much(
    model: nn.Module, samples: list[Sample], tmp_path: Path, name: str
) -> None:
    installed(name)
    wide = Tolerance(100, 0, None)
    spec = make_spec(tmp_path, name, precision='int8', size=(SIDE, SIDE), tolerance=wide)
    outcome = export(spec, model, dict(precision='int8'), samples)
    assert outcome.in_float == []
    convolutions = sum(isinstance(m, nn.Conv2d) for m in model.modules())
    assert outcome.layers == convolutions - 3  # the first, the last, that of ASPP's pooled values
    agreement = outcome.parity.agreement
    # Random weights; without VNNI the runtimes' sums of bytes saturate, too.
    assert (0.5 if has_vnni() else 0.35) < agreement < 1
    told = open_artefact(outcome.files[-1])[1]
    assert told['in_float'] == []
    if name == 'onnx':
        import onnx

        kinds = [node.op_type for node in onnx.load(spec.out).graph.node]
        assert kinds.count('QuantizeLinear') > kinds.count('Conv') / 2
        stricter = spec._replace(tolerance=Tolerance(100, (1 + agreement) / 2, None))
        better = export(stricter, model, dict(precision='int8'), samples)
        assert better.parity.agreement > agreement
        assert 0 < len(better.in_float) < better.layers
        assert set(better.in_float) <= {n for n, m in model.named_modules()}


def test_as_few_layers_as_can_be_stay_in_float() -> None:
    layers = [f'layer {i}' for i in range(40)]
    for needed in (0, 1, 2, 3, 11, 39, 40, 41):
        tried: list[int] = []

        def attempt(
            left: list[str], needed: int = needed, tried: list[int] = tried
        ) -> ParityReport:
            assert left == layers[: len(left)]
            tried.append(len(left))
            wrong = [] if len(left) >= needed else ['wrong']
            return ParityReport(1, None, None, 1, None, 1, (1, 1), wrong)

        report, left = fall_back(attempt, lambda: layers)
        assert len(left) == min(needed, 40)
        assert bool(report.faults) == (needed > 40)
        assert tried[-1] == len(left)
        assert len(tried) <= 14


@pytest.mark.parametrize(
    ('after', 'agreement', 'difference', 'words'),
    [
        (60.0, 1.0, 0.0, ''),
        (61.0, 1.0, None, ''),
        (58.9, 1.0, 0.0, r'mIoU falls by 1\.10, more than 1 '),
        (float('nan'), 1.0, 0.0, 'mIoU'),
        (60.0, 0.94, 0.0, r'94\.000% of the labels'),
        (60.0, 1.0, 2.1, r'0\.21 of the largest'),
        (60.0, 1.0, float('inf'), 'inf of the largest'),
    ],
)
def test_faults(after: float, agreement: float, difference: float | None, words: str) -> None:
    report = ParityReport(1, 60.0, after, agreement, difference, 10.0, (1, 1))
    found = faults(report, Tolerance(1, 0.95, 0.2))
    assert len(found) == bool(words)
    if words:
        with pytest.raises(UserError, match=words):
            raise UserError(found[0])


def test_odd_and_even_sizes() -> None:
    found = of_other_sizes(Sample('a', picture((7, 9))), (513, 513))
    shapes = [sample.picture.shape[:2] for sample in found]
    assert {(h % 2, w % 2) for h, w in shapes[:4]} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert all(h > 513 and w > 513 and h != w for h, w in shapes[:4])
    assert max(shapes[4]) < 513


def test_what_is_missing_is_named() -> None:
    with pytest.raises(
        UserError, match=r"onnx needs nosuch and nor: pip install nosuch nor .*'exp"
    ):
        require('onnx', ('json', 'nosuch', 'nor'))


def test_a_config_without_data_is_named(data: Path) -> None:
    bare = load_config(
        CONFIG, ConfigOptions(['test_dataloader=None', 'test_cfg=None', 'test_evaluator=None'])
    )
    with pytest.raises(UserError, match=f'{data}: the config has no test data set'):
        read_samples(bare, data, 3, 21)


def test_a_preprocessor_that_is_not_ours_is_named(
    checkpoint: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    own = tmp_path / 'own.py'
    other = "dict(_delete_=True, type='SegDataPreProcessor', size=(49, 49))"
    head = 'decode_head=dict(in_channels=(96, 256))'
    own.write_text(f"_base_ = '{CONFIG}'\nmodel = dict(data_preprocessor={other}, {head})\n")
    common = [str(own), str(checkpoint), '--format', 'torchscript', '--verify', str(data)]
    assert main(common) == 2
    assert 'export needs a mmdeeplab.DeepLabPreprocessor' in capsys.readouterr().err


@pytest.mark.parametrize('name', FORMATS)
def test_files_that_are_broken_or_not_ours(tmp_path: Path, name: str) -> None:
    installed(name)
    path = tmp_path / f'net{FORMATS[name].suffix}'
    with pytest.raises(UserError, match=f'no exported network at {path}'):
        open_artefact(path)
    path.write_bytes(b'<html>not found</html>')
    with pytest.raises(UserError, match=rf'{FORMATS[name].runtime} cannot read {path}, .* broken'):
        open_artefact(path)
    if name in ('pt2', 'torchscript'):
        torch.save(dict(state_dict={}), path)
        with pytest.raises(UserError, match='was not written by tools/export'):
            open_artefact(path)


def test_the_command_offers_every_format() -> None:
    assert tuple(FORMATS) == FORMAT_NAMES


def test_the_command(
    cfg: Config, checkpoint: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    out = tmp_path / 'net.pt'
    common = [CONFIG, str(checkpoint), '--format', 'torchscript', '--verify', str(data)]
    common += ['--images', '2', '--size', '49', '49']
    options = ['--cfg-options', *OPTIONS]
    assert main([*common, '--out', str(out), *options]) == 0
    printed = capfd.readouterr().out
    assert 'labels that agree         100.0000%' in printed
    assert 'on 2 pictures, PyTorch -> TorchScript' in printed
    assert json.loads(json.dumps(open_artefact(out)[1]))['size'] == [49, 49]
    out.unlink()
    with pytest.raises(SystemExit) as end:
        main([*common, '--out', str(out), '--max-drop', '-1', *options])
    assert end.value.code == 1
    assert 'parity check not passed: mIoU falls by 0.00, more than -1' in capfd.readouterr().err
    assert not list(tmp_path.iterdir())
    for wrong, words in [
        (['--out', 'net.onnx'], r'ends in .pt, got net.onnx'),
        (['--int8'], 'torchscript has no --int8; onnx and openvino have'),
        (['--calibrate', 'x'], '--calibrate needs --int8'),
        (['--min-agreement', '95'], 'between 0 and 1, got 95'),
        (['--images', '0'], 'at least 1, got 0'),
        (['--verify', 'gone'], 'no pictures at gone'),
    ]:
        assert main([*common, *wrong, *options]) == 2
        assert words in capfd.readouterr().err


def test_the_limits_are_those_of_the_page() -> None:
    """OpenVINO may compute a file of half precision in bfloat16; all others in what they are."""
    page = (ROOT / 'docs/export.md').read_text(encoding='utf-8')
    section = page.split('## The parity check')[1].split('\n## ')[0]
    head, _, *rows = (
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in section.splitlines()
        if line.startswith('|')
    )
    table = list(zip(*rows, strict=True))
    columns = {head[i]: table[i] for i in range(1, len(head) - 1)}
    for name, row in FORMATS.items():
        for precision in row.precisions:
            way = [] if precision == 'float' else [f'--{precision}']
            args = _parser().parse_args(
                ['c.py', 'best', '--verify', 'data', '--format', name, *way]
            )
            limits = read_spec(args, (SIDE, SIDE), None).tolerance
            column = f'{precision}, {row.runtime}'
            drop, agreement, difference = columns.get(column, columns.get(precision, ()))
            assert limits.drop == float(drop.removesuffix(' points'))
            assert 100 * limits.agreement == pytest.approx(float(agreement.removesuffix(' %')))
            assert str(limits.difference or 'any') == difference
    assert set(columns) == {'float', 'half', 'half, OpenVINO', 'int8'}
