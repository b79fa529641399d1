"""The fast path computes what the plain one computes, by other means."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fast.few import Few
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from places import ROOT
from torch import Tensor, nn

from mmdeeplab import DeepLabPredictor
from mmdeeplab.cli.predict import main
from mmdeeplab.cli.test import what_ran
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate import (
    CalibrationPicture,
    FastSegmentor,
    Tolerance,
    accelerate,
    engine,
    engines_used,
    openvino,
)
from mmdeeplab.inference.accelerate.artefact import ArtefactSpec, ScoresGraph
from mmdeeplab.inference.accelerate.engine_check import EngineCheck, of_other_sizes
from mmdeeplab.inference.accelerate.parity import TOLERANCES
from mmdeeplab.inference.accelerate.store import KEPT, ConvertedNetwork, Store
from mmdeeplab.report.page import facts

pytest.importorskip('openvino', reason="openvino is not installed (the extra 'export')")

# Every backbone, neck and head once; (H, W) odd and even.
NETWORKS = [
    ('deeplabv3plus_xception41_voc', (33, 50)),
    ('deeplabv3plus_mobilenetv2-smp_voc', (48, 33)),
    ('deeplabv3plus_mobilenetv2_voc', (65, 65)),
    ('deeplabv3plus_mobilenetv2_voc', (64, 70)),
    ('deeplabv3_mobilenetv2-coral_voc', (97, 64)),
    ('deeplabv3_mobilenetv3-torchvision_voc', (64, 49)),
    ('lraspp_mobilenetv3_voc', (65, 50)),
    ('lraspp_mobilenetv3-small_voc', (64, 65)),
    ('deeplabv3_r50_voc', (49, 34)),
    ('deeplabv1_vgg16-msc_voc', (33, 34)),
    ('deeplabv2_vgg16-largefov_voc', (41, 41)),
]
SMALL = 'deeplabv3plus_mobilenetv2_voc'
ANY = Tolerance(100, 0, None)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network is converted once for all tests."""
    return tmp_path_factory.mktemp('engines')


@pytest.fixture(autouse=True)
def cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(folder))
    return folder / 'engines'


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def config(name: str, side: int = 65) -> Config:
    options = [f'model.data_preprocessor.test_size=({side},{side})'] if name == SMALL else []
    return load_config(str(ROOT / f'configs/{name}.py'), ConfigOptions(options))


def build(cfg: Config) -> EncoderDecoder:
    """Random weights whose maps neither vanish nor explode: BN measures a batch of noise first."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.uniform_(0.7, 1.3)
        norm.bias.normal_(0, 0.2)
        norm.train()
        norm.momentum = 1.0
    if norms:
        model(torch.randn(2, 3, 65, 65), mode='tensor')
    last = model.decode_head.conv_seg
    if isinstance(last, nn.Conv2d) and last.bias is not None:  # no class wins everywhere
        last.weight.normal_()
        last.bias -= model.eval()(torch.rand(1, 3, 65, 65) * 2 - 1, mode='tensor').mean((0, 2, 3))
    return model.eval()


def spec(model: nn.Module) -> ArtefactSpec:
    return ArtefactSpec(ScoresGraph(model), None, 'float', {})


@pytest.mark.slow
@pytest.mark.parametrize(('name', 'size'), NETWORKS)
def test_one_conversion_gives_the_plain_scores_at_any_size(
    name: str, size: tuple[int, int]
) -> None:
    """Of sizes and numbers that it was not converted with.

    TensorFlow's MobileNetV3 multiplies by 0.16667, which OpenVINO takes for 1 / 6: 2e-5 a layer.
    """
    rounded = name.startswith('lraspp')
    model = build(config(name))
    run = openvino.Compiled(openvino.convert(spec(model)), 'f32')
    twin = build(config(name)).double()
    for x in (torch.randn(1, 3, *size), torch.randn(2, 3, size[0] + 1, size[1] + 3)):
        plain, found = model(x, mode='tensor'), run(x)
        assert found.shape == plain.shape
        assert (found.argmax(1) == plain.argmax(1)).float().mean() > 0.999
        truth = twin(x.double(), mode='tensor')
        error = (found - truth).square().mean().sqrt()
        assert error < (1e-3 if rounded else 1e-4) * truth.std()
        if not rounded:
            assert error < 5 * (plain - truth).square().mean().sqrt() + 2e-6 * truth.std()


def test_several_scales_within_a_network_stay_open() -> None:
    cfg = load_config(
        str(ROOT / 'configs/deeplabv2_r101_voc.py'), ConfigOptions(['model.backbone.depth=50'])
    )
    assert cfg.model.type == 'mmdeeplab.MSC'
    model = build(cfg)
    run = openvino.Compiled(openvino.convert(spec(model)), 'f32')
    for size in ((65, 65), (66, 97)):
        x = torch.randn(1, 3, *size)
        plain = model(x, mode='tensor')
        assert (run(x) - plain).abs().max() < 0.01 * plain.std()


def test_several_threads_get_what_one_gets_after_the_other() -> None:
    """Each pass with its thread's share of the cores, at the same time as the others'."""
    run = openvino.Compiled(openvino.convert(spec(build(config(NETWORKS[0][0])))), 'f32')
    inputs = [torch.randn(1, 3, 65, 65 + 8 * i) for i in range(12)]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = [run(x) for x in inputs]
        with ThreadPoolExecutor(4, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            together = list(pool.map(run, inputs * 2))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(*pair) for pair in zip(alone * 2, together, strict=True))


def data(*sizes: tuple[int, int]) -> dict:
    generator = torch.Generator().manual_seed(1)
    pictures = [
        torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes
    ]
    samples = [SegDataSample(metainfo=dict(ori_shape=s, img_shape=s)) for s in sizes]
    return dict(inputs=pictures, data_samples=samples)


@pytest.mark.parametrize(
    'wrapper',
    [
        None,
        dict(type='mmdeeplab.MultiScaleFlip', scales=(0.5, 1.0)),
        dict(type='mmdeeplab.SlidingWindows', mode='slide', window=(40, 40), stride=(20, 20)),
        dict(type='mmdeeplab.SlidingWindows', mode='bands', window=(40, 40), stride=(20, 20)),
    ],
)
def test_in_every_wrapper_labels_stay(wrapper: dict | None) -> None:
    cfg = config(SMALL)
    if wrapper:
        cfg.model = dict(**wrapper, module=cfg.model)
    network = build(config(SMALL))
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model).eval()
    (model.module if wrapper else model).load_state_dict(network.state_dict())
    truth = [s.pred_sem_seg.data.clone().long() for s in model.test_step(data((60, 49), (50, 65)))]
    quick = accelerate(model)
    found = [s.pred_sem_seg.data.long() for s in quick.test_step(data((60, 49), (50, 65)))]
    for a, b in zip(truth, found, strict=True):
        assert len(a.unique()) > 1
        assert torch.equal(a, b)


@pytest.mark.parametrize('flip', [None, 'horizontal', 'vertical'])
def test_flips_and_padding_under_either_name(flip: str | None) -> None:
    """Against the plain network's own steps; its test-time augmentation says padding_size."""
    model = build(config(SMALL))
    x = torch.randn(1, 3, 65, 65)
    meta = dict(ori_shape=(40, 51), img_shape=(65, 65), flip=bool(flip), flip_direction=flip)
    for padding in ('img_padding_size', 'padding_size'):
        samples = [SegDataSample(metainfo=meta | {padding: [3, 11, 2, 23]}) for _ in range(2)]
        (truth,) = model.postprocess_result(model.encode_decode(x, [meta]), samples[:1])
        quick = accelerate(build(config(SMALL)))
        (found,) = quick.predict(x, samples[1:])
        assert len(truth.pred_sem_seg.data.unique()) > 1
        assert torch.equal(truth.pred_sem_seg.data, found.pred_sem_seg.data.long())


@pytest.mark.parametrize('channels', [1, 2])
def test_a_foreground_of_one_channel_or_two(channels: int) -> None:
    cfg = config(SMALL)
    cfg.model.decode_head.update(num_classes=2, out_channels=channels, threshold=0.5)
    model = build(cfg)
    x = model.data_preprocessor(data((60, 49)))['inputs']
    logits = model(x, mode='tensor')[0]
    model.decode_head.conv_seg.bias -= logits.flatten(1).median(1)[0]
    (truth,) = model.test_step(data((60, 49)))
    (found,) = accelerate(model).test_step(data((60, 49)))
    assert 0.1 < truth.pred_sem_seg.data.float().mean() < 0.9
    assert (truth.pred_sem_seg.data == found.pred_sem_seg.data).float().mean() > 0.999


def test_scores_are_kept_where_they_are_wished() -> None:
    model = build(config(SMALL))
    (truth,) = model.test_step(data((60, 49)))
    (found,) = accelerate(model, keep_logits=True).test_step(data((60, 49)))
    spread = float(truth.seg_logits.data.std())
    assert torch.allclose(found.seg_logits.data, truth.seg_logits.data, atol=1e-4 * spread)
    (lean,) = accelerate(model).test_step(data((60, 49)))
    assert 'seg_logits' not in lean


def test_a_network_is_converted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path))
    model, x = Few().eval(), torch.randn(1, 3, 65, 65)
    plain = model(x)
    accelerate(model)(x)
    assert 'fast: converting the network' in capsys.readouterr().err
    (graph,) = (tmp_path / 'engines').glob('*.xml')
    with monkeypatch.context() as patch:
        patch.setattr(openvino, 'convert', None)
        found = accelerate(model)(x)
        assert capsys.readouterr().err == ''
        assert (found - plain).abs().max() < 1e-4 * plain.std()
        accelerate(model)(torch.randn(2, 3, 49, 97))  # another size is the same network
        graph.write_text('<net')  # not whole
        with pytest.raises(TypeError):
            accelerate(model)(x)
    accelerate(model)(x)
    graph.with_suffix('.bin').write_bytes(b'')
    capsys.readouterr()
    accelerate(model)(x)
    assert 'converting' in capsys.readouterr().err
    assert sorted(path.suffix for path in graph.parent.iterdir()) == ['.bin', '.xml']


def test_a_stored_network_is_of_what_it_was_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, settings that no printed network shows, precision, pictures, versions."""

    def path(network: nn.Module, fast: bool | str = True, value: float = 0.0) -> Path:
        return Store(network, fast, [CalibrationPicture(torch.full((1, 3), value))], None).paths[0]

    network = nn.Conv2d(3, 4, 3)
    first = path(network)
    assert path(network) == first
    assert path(network, value=1.0) == first  # float32 is calibrated by nothing
    assert path(network, 'int8', 1.0) != path(network, 'int8')
    assert path(network, 'bf16') != first
    network.corners = True
    other = path(network)
    assert other != first
    network.weight.data[0, 0, 0, 0] += 1e-3
    changed = path(network)
    assert changed not in (first, other)
    monkeypatch.setattr('mmdeeplab.inference.accelerate.store.__version__', '999')
    assert path(network) != changed


def test_pictures_on_which_a_precision_fails_decide_for_themselves_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path))
    network = Few().eval()
    hard, easy = (
        Store(network, 'bf16', [CalibrationPicture(torch.full((1, 3), value))], None)
        for value in (0.0, 1.0)
    )
    model = openvino.convert(spec(network))
    hard.write(ConvertedNetwork(engine.F32, model, ['why']))
    assert easy.read() is None
    (name, _, notices) = hard.read() or pytest.fail('nothing is kept')
    assert (name, notices) == (engine.F32, ['why'])
    easy.write(ConvertedNetwork(engine.BF16, model, []))
    for store in (hard, easy):
        (name, _, notices) = store.read() or pytest.fail('nothing is kept')
        assert (name, notices) == (engine.BF16, [])


def test_networks_that_were_not_used_for_longest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path))
    model = openvino.convert(spec(Few().eval()))
    for i in range(KEPT + 2):
        Store(nn.Linear(1, i + 1), True, [], None).write(ConvertedNetwork(engine.F32, model, []))
    assert len(list((tmp_path / 'engines').iterdir())) == 2 * KEPT


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path / 'file'))
    model, x = Few().eval(), torch.randn(1, 3, 33, 33)
    found = accelerate(model)(x)
    assert (found - model(x)).abs().max() < 1e-4 * found.std()


def test_without_openvino_the_plain_network_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(openvino, 'installed', lambda: False)
    model, x = Few().eval(), torch.randn(1, 3, 65, 65)
    for fast in (True, 'bf16', 'int8'):
        quick = accelerate(model, fast)
        assert torch.equal(quick(x), model(x))
        told = capsys.readouterr().err
        assert told.count('\n') == 1
        assert "OpenVINO is not installed: pip install openvino (the extra 'export')" in told
        assert what_ran(quick, fast) == dict(fast=True, fast_allowed=fast, engines=['plain'])


class Branch(nn.Module):
    """Decides by the size, which a traced network cannot."""

    align_corners, num_classes, out_channels = False, 5, 5

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 1)

    def forward(self, x: Tensor, mode: str = 'tensor') -> Tensor:
        return self.layer(x) * (1 if x.shape[3] % 2 else 2)


def test_a_network_that_decides_by_its_size_runs_plainly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    network: Any = Branch().eval()
    x = torch.randn(1, 3, 65, 65)
    name, run = engine.choose_engine(network, x, True)
    assert name == 'plain'
    assert torch.equal(run(x), network(x))
    assert 'float32 by OpenVINO is not the plain network: ' in capsys.readouterr().err


def test_refusals() -> None:
    model = build(config(SMALL))
    with pytest.raises(ValueError, match="fast must be one of True, bf16, int8, got 'fp8'"):
        accelerate(model, 'fp8')
    with pytest.raises(UserError, match='this network is training'):
        accelerate(model.train())


def test_broken_weights_are_refused() -> None:
    model = build(config(SMALL))
    model.decode_head.conv_seg.bias[0] = float('nan')
    with pytest.raises(UserError, match='are not finite'):
        accelerate(model).test_step(data((60, 49)))


def test_another_device_gets_folded_norms() -> None:
    model = build(config(SMALL)).to('meta')
    assert accelerate(model) is model
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


def test_odd_and_even_sizes_are_tried() -> None:
    sizes = [tuple(one.image.shape) for one in of_other_sizes(torch.zeros(3, 3, 513, 200))]
    assert {(h % 2, w % 2) for _, _, h, w in sizes} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {n for n, *_ in sizes} == {1, 2}
    assert all(h != w and h < 260 for _, _, h, w in sizes)
    assert max(max(one.image.shape) for one in of_other_sizes(torch.zeros(1, 3, 999, 2000))) == 266


class Known(nn.Module):
    """Scores that a test gives: (1, C, h, w)."""

    align_corners, num_classes = True, 2

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, x: Tensor, mode: str) -> Tensor:
        return self.scores


@pytest.mark.parametrize('masked', [False, True])
def test_the_gate_counts_labels_and_scores_by_masks(masked: bool) -> None:
    """Ten columns, the border before the sixth; the engine's is a column to the left."""
    column = torch.arange(10.0).expand(10, 10)
    plain = torch.stack([4.5 - column, column - 4.5])[None]
    mask = (column >= 5).to(torch.uint8)[:, :9] if masked else None  # the last column is padding
    known: Any = Known(plain)
    check = EngineCheck(known, [CalibrationPicture(torch.zeros(1, 3, 10, 10), mask)])
    report = check.report(lambda x: plain, TOLERANCES['float'])
    assert (report.agreement, report.difference, report.faults) == (1, 0, [])
    assert report.before == report.after == (100 if masked else None)
    moved = torch.stack([3.5 - column, column - 3.5])[None]
    report = check.report(lambda x: moved, TOLERANCES['float'])
    assert report.agreement == pytest.approx(0.9)
    assert report.difference == pytest.approx(1)
    if masked:
        assert report.after == pytest.approx(100 * (4 / 5 + 4 / 5) / 2)
    assert len(report.faults) == (3 if masked else 2)
    assert check.report(lambda x: plain * float('nan'), ANY).difference == float('inf')


def test_the_gate_looks_at_pictures_from_first_to_last() -> None:
    pictures = [CalibrationPicture(torch.full((1, 3, 10, 10), float(i))) for i in range(15)]
    network: Any = Known(torch.zeros(1, 2, 10, 10))
    compared = EngineCheck(network, pictures).pictures
    expected = [0, 1, 3, 5, 7, 9, 11, 13]
    assert [int(picture.image[0, 0, 0, 0]) for picture in compared] == expected


@pytest.mark.parametrize(('bf16', 'vnni'), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize('fast', [True, 'bf16', 'int8'])
def test_what_ran_is_recorded(
    fast: bool | str,
    bf16: bool,
    vnni: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A processor may lack lower precisions; OpenVINO would compute in float32 under that name."""
    monkeypatch.setattr(openvino, 'has_bf16', lambda: bf16)
    monkeypatch.setattr(engine, 'has_vnni', lambda: vnni)
    monkeypatch.setattr('mmdeeplab.inference.accelerate.store.has_vnni', lambda: vnni)
    lowest = 'int8' if fast == 'int8' and vnni else 'bf16' if fast is not True and bf16 else ''
    best = f'openvino-{lowest or "f32"}'
    record = dict(fast=lowest or True, fast_allowed=fast, engines=[best])
    network = Few().eval()
    for _ in range(2):  # the second time it is read from the cache
        quick = accelerate(network, fast, tolerance=ANY)
        assert what_ran(quick, fast)['engines'] == []
        for size in (65, 65, 33):
            quick(torch.full((1, 3, size, size), 0.5))
        assert what_ran(quick, fast) == record
        told = capsys.readouterr().err
        assert told.count('no VNNI') == (fast == 'int8' and not vnni)
        assert told.count('no bfloat16') == (fast is not True and not bf16)
    row = facts(dict(config='c', **record))['Precision']
    shown = lowest or 'float32'
    assert row == f'{shown} ({best}){f"; {fast} was allowed" if record["fast"] != fast else ""}'


def test_what_openvino_says_of_bfloat16_is_what_it_compiles_to() -> None:
    import openvino as runtime

    model = runtime.convert_model(nn.Conv2d(3, 4, 3), example_input=torch.zeros(1, 3, 8, 8))
    made = runtime.Core().compile_model(model, 'CPU', dict(INFERENCE_PRECISION_HINT='bf16'))
    found = made.get_property('INFERENCE_PRECISION_HINT')
    assert (found == runtime.Type.bf16) == openvino.has_bf16()


def test_the_report_of_an_evaluation_without_fast_has_no_precision() -> None:
    assert facts(dict(fast=False))['Precision'] == facts({})['Precision'] == ''
    assert engines_used(build(config(SMALL))) == ['plain']


def test_away_from_cpus_bf16_runs_and_int8_is_refused() -> None:
    def calibration() -> Iterator[CalibrationPicture]:
        raise AssertionError('there is nothing to compare')
        yield

    with pytest.raises(UserError, match=r"fast='int8' computes on CPUs alone.* run on meta"):
        accelerate(build(config(SMALL)).to('meta'), 'int8', calibration=calibration())
    away = accelerate(build(config(SMALL)).to('meta'), 'bf16', calibration=calibration())
    assert isinstance(away, FastSegmentor)
    with pytest.raises(
        UserError, match='prepared this network for meta, and its input lies on cpu'
    ):
        away(torch.zeros(1, 3, 65, 65))
    here = accelerate(build(config(SMALL)))
    with pytest.raises(
        UserError, match='prepared this network for cpu, and its input lies on meta'
    ):
        here.to('meta')(torch.zeros(1, 3, 65, 65, device='meta'))
    name, _ = engine.choose_engine(away.network, torch.zeros(1, device='meta'), 'bf16')
    assert engine.precision([name]) == 'bf16'


def test_autocast_computes_in_bfloat16_and_gives_float32() -> None:
    network: Any = nn.Module()
    x, linear, seen = torch.randn(1, 3, 8, 8), nn.Linear(8, 4), []
    linear.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    network.forward = lambda x, mode: linear(x)
    found = engine.autocast_bf16(network)(x)
    assert seen == [torch.bfloat16]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, linear(x), rtol=0.02, atol=0.02)


def test_layers_that_bytes_would_spoil_stay_in_float(monkeypatch: pytest.MonkeyPatch) -> None:
    """None; some, where scores must be nearer than all in bytes are; all, where they are equal."""
    monkeypatch.setattr(openvino, 'has_bf16', lambda: False)
    monkeypatch.setitem(engine.HINTS, engine.INT8, 'f32')  # on every processor
    monkeypatch.setattr(engine, 'has_vnni', lambda: True)
    network: Any = Few().eval()
    x = torch.randn(1, 3, 64, 64)
    truth = network(x)

    def made(part: float) -> tuple[str, float, str]:
        """The engine, its largest difference as a part of the largest score, what was told."""
        limits = {'float': ANY, 'int8': Tolerance(0, 0, part)}
        monkeypatch.setattr(engine, 'TOLERANCES', limits | {'bf16': ANY})
        found = engine.Conversion(network, [CalibrationPicture(x)], None).lowest('int8')
        assert found is not None
        difference = openvino.Compiled(found.model, 'f32')(x) - truth
        part = float(difference.abs().max() / truth.abs().max())
        return found.engine, part, ' '.join(found.notices)

    name, whole, told = made(1.0)
    assert (name, told) == ('openvino-int8', '')
    name, some, told = made(0.7 * whole)
    assert name == 'openvino-int8'
    assert 0 < some <= 0.7 * whole
    assert 'in floating point, not int8: ' in told
    name, none, told = made(1e-9)
    assert name == 'openvino-f32'
    assert none < 1e-5
    assert 'int8 is not near enough in any layer' in told


def test_the_predictor_and_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = config(SMALL)
    path = tmp_path / 'random.pth'
    torch.save(dict(state_dict=build(cfg).state_dict()), path)
    picture = np.random.default_rng(0).integers(0, 256, (60, 49, 3), np.uint8)
    truth = DeepLabPredictor(cfg, path, 'cpu')(picture)
    found = DeepLabPredictor(cfg, path, 'cpu', fast=True)(picture)
    assert np.array_equal(truth.labels, found.labels)
    assert found.logits is None
    assert isinstance(DeepLabPredictor(cfg, path, 'cpu', fast='bf16').model.module, FastSegmentor)
    truth.save(tmp_path / 'a.png', 'color')
    options = ['--model', SMALL, '--checkpoint', str(path), '--out', str(tmp_path / 'out')]
    options += ['--cfg-options', 'model.data_preprocessor.test_size=(65,65)', '--fast', 'int8']
    monkeypatch.setattr(engine, 'has_vnni', lambda: False)
    assert main([str(tmp_path / 'a.png'), *options]) == 0
    assert 'no VNNI' in capsys.readouterr().err
    assert (tmp_path / 'out/masks/a.png').is_file()
