"""The fast path computes what the plain one computes, by other means."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from places import ROOT
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab import DeepLabPredictor
from mmdeeplab.cli.predict import main
from mmdeeplab.cli.test import what_ran
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.errors import UserError
from mmdeeplab.inference.accelerate import FastSegmentor, accelerate, engines, engines_used
from mmdeeplab.inference.accelerate.calibrate import Calibration, best_range, byte_error
from mmdeeplab.inference.accelerate.graph import Convolution
from mmdeeplab.inference.accelerate.int8 import ByteConv, scale_of
from mmdeeplab.inference.accelerate.lower import ExecutionPlan, PackedConv
from mmdeeplab.inference.accelerate.passes import optimise
from mmdeeplab.inference.accelerate.record import record
from mmdeeplab.models.cpu_kernels import depthwise, library, rounding
from mmdeeplab.models.cpu_kernels.rounding import to_bytes
from mmdeeplab.report.page import facts

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
needs_bf16 = pytest.mark.skipif(not engines.has_bf16(), reason='no bfloat16 in this processor')
needs_vnni = pytest.mark.skipif(not engines.has_vnni(), reason='no VNNI in this processor')


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(engines, 'TURNS', 1)
    monkeypatch.setattr(engines.vino, 'installed', lambda: '')  # seconds to convert; tried below
    return tmp_path / 'cache' / 'fast.json'


@pytest.fixture(params=['kernels', 'no compiler'])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways, with our C kernels and without."""
    wanted = request.param == 'kernels'
    if wanted and library() is None:
        pytest.skip('needs a C compiler')
    if not wanted:
        for module in (depthwise, rounding):
            monkeypatch.setattr(module, 'library', lambda: None)
    return wanted


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


def planned(model: EncoderDecoder, x: Tensor) -> ExecutionPlan:
    return ExecutionPlan(optimise(record(lambda x: model(x, mode='tensor'), x, {})))


@pytest.mark.parametrize(('name', 'size'), NETWORKS)
def test_the_plan_gives_the_plain_labels(name: str, size: tuple[int, int], kernels: bool) -> None:
    model = build(config(name))
    plan = planned(model, torch.zeros(1, 3, *size))
    x = torch.randn(1, 3, *size)  # not the picture that was recorded
    plain, found = model(x, mode='tensor'), plan(x)
    assert found.shape == plain.shape
    assert torch.equal(found.argmax(1), plain.argmax(1))
    truth = model.double()(x.double(), mode='tensor')
    error = (found - truth).square().mean().sqrt()
    assert error < 5 * (plain - truth).square().mean().sqrt() + 2e-6 * truth.std()
    assert error < 1e-4 * truth.std()


def test_a_plan_merges_all_norms_most_activations_and_all_concatenations(kernels: bool) -> None:
    init_default_scope('mmseg')
    model = MODELS.build(config('deeplabv3plus_xception41_voc').model).eval()
    x = torch.zeros(1, 3, 33, 33)
    graph = optimise(record(lambda x: model(x, mode='tensor'), x, {}))
    kinds = [node.kind for node in graph.nodes]
    assert not {'norm', 'cat', 'add'} & set(kinds)
    # before each unit but the last, whose input is raw: 13 units; our kernel takes them along
    assert kinds.count('act') == (0 if kernels else 12)


def test_a_batch_is_its_pictures() -> None:
    model = build(config(SMALL))
    x = torch.randn(2, 3, 65, 49)
    both = planned(model, x)(x)
    assert (both - model(x, mode='tensor')).abs().max() < 3e-4 * both.std()


def conv(channels: int = 8, groups: int = 1, rate: int = 1, kernel: int = 3) -> Convolution:
    weight = torch.randn(channels, channels // groups, kernel, kernel)
    pad = rate * (kernel // 2)
    return Convolution(weight, torch.randn(channels), [1, 1], [pad] * 2, [rate] * 2, groups)


@pytest.mark.parametrize('rate', [1, 2, 9, 18])
@pytest.mark.parametrize('groups', [1, 8])
def test_packed_convolutions_at_every_rate(rate: int, groups: int) -> None:
    c = conv(groups=groups, rate=rate)
    x = torch.randn(1, 8, 21, 20)
    truth = F.conv2d(
        x.double(), c.weight.double(), c.bias.double(), 1, c.padding, c.dilation, groups
    )
    packed = PackedConv(c, tuple(x.shape), torch.float32)
    assert torch.allclose(packed(x).double(), truth, atol=1e-4)
    other = torch.randn(1, 8, 21, 20)
    before = other.clone()
    assert torch.allclose(packed.add(x, other).double(), truth + before, atol=1e-4)
    assert torch.equal(other, before)


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


def test_the_fastest_is_measured_once(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, x = build(config(SMALL)), torch.randn(1, 3, 65, 65)
    accelerate(model)(x)
    assert 'for 1x3x65x65 on this machine (plain' in capsys.readouterr().err
    monkeypatch.setattr(engines, 'measured', None)
    accelerate(model)(x)
    assert capsys.readouterr().err == ''
    with pytest.raises(TypeError):
        accelerate(model)(x[..., :-1])  # another size is measured
    monkeypatch.undo()
    cache.write_text('{"broken')
    accelerate(model)(x)


def part_zero(x: Tensor) -> Tensor:
    x[:, :1].fill_(0)
    return x


def test_refusals() -> None:
    model = build(config(SMALL))
    with pytest.raises(ValueError, match="fast must be one of True, bf16, int8, got 'fp8'"):
        accelerate(model, 'fp8')
    with pytest.raises(UserError, match='this network is training'):
        accelerate(model.train())
    with pytest.raises(UserError, match='on a part of a map'):
        record(lambda x: part_zero(x), torch.zeros(1, 3, 4, 4), {})
    with pytest.raises(UserError, match='which has no plan'):
        record(lambda x: torch.add(x, x, out=torch.zeros(1, 3, 4, 4)), torch.zeros(1, 3, 4, 4), {})
    with pytest.raises(UserError, match='does not come from its input'):
        record(lambda x: torch.zeros(1), torch.zeros(1, 3, 4, 4), {})


def test_broken_weights_are_refused() -> None:
    model = build(config(SMALL))
    model.decode_head.conv_seg.bias[0] = float('nan')
    with pytest.raises(UserError, match='are not finite'):
        accelerate(model).test_step(data((60, 49)))


def test_another_device_gets_folded_norms() -> None:
    model = build(config(SMALL)).to('meta')
    assert accelerate(model) is model
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


def test_bytes_stand_for_what_they_should(kernels: bool) -> None:
    x = torch.tensor([-1.0, -0.5, 0.0, 1.0, 2.0, 9.0] * 3)
    scale = scale_of(-1.0, 1.55)
    assert scale == pytest.approx((0.01, 100))
    assert to_bytes(x, *scale).tolist() == [0, 50, 100, 200, 255, 255] * 3


def test_ranges_leave_out_what_is_rare() -> None:
    values = torch.randn(100_000).relu()
    values[0] = 9.0
    low, high = best_range(values)
    assert low == 0
    assert 4 < high < 9
    assert byte_error(values, (low, high)) <= byte_error(values, (0.0, 9.0))


@needs_vnni
@pytest.mark.parametrize(('groups', 'rate'), [(1, 1), (8, 1), (8, 18)])
def test_convolutions_of_bytes_are_exact_on_their_grids(groups: int, rate: int) -> None:
    c = conv(groups=groups, rate=rate)
    steps = c.weight.abs().amax((1, 2, 3), keepdim=True) / 127
    weight = (c.weight / steps).round().double() * steps.double()
    scale = scale_of(-1.0, 3.0)
    x = torch.rand(1, 8, 20, 21) * 4 - 1
    coarse = to_bytes(x, *scale)
    back = (coarse.double() - scale.zero) * scale.step
    truth = F.conv2d(back, weight, c.bias.double(), 1, c.padding, c.dilation, groups)
    found = ByteConv(c, tuple(x.shape), scale, dtype=torch.float32)(coarse)
    assert torch.allclose(found.double(), truth, atol=1e-3)


def test_openvino_is_tried_at_the_usual_size_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(config(SMALL))
    for able in ('has_bf16', 'has_vnni'):
        monkeypatch.setattr(engines, able, lambda: True)
    monkeypatch.setattr(engines.vino, 'installed', lambda: '1')
    usual, other = torch.zeros(1, 3, 65, 65), torch.zeros(1, 3, 65, 70)
    plans = ['plain', 'packed', 'packed-bf16', 'packed-int8']
    assert engines.able(model, other, 'int8') == plans
    assert engines.able(model, usual.expand(2, -1, -1, -1), 'int8') == plans
    assert engines.able(model, usual, True) == ['plain', 'packed']
    assert set(engines.able(model, usual, 'int8')) == set(engines.ENGINES)
    monkeypatch.setattr(engines.vino, 'installed', lambda: '')
    assert engines.able(model, usual, 'int8') == plans


@pytest.mark.parametrize('lacking', [True, False])
@pytest.mark.parametrize('fast', [True, 'bf16', 'int8'])
def test_what_ran_is_recorded(
    fast: bool | str, lacking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the times that engines are given here; a processor may lack those of lower precision."""
    names = ['plain', 'packed', 'packed-bf16', 'packed-int8']
    makers = {name: (engines.ENGINES[name][0], engines.plain) for name in names}
    monkeypatch.setattr(engines, 'ENGINES', makers)
    monkeypatch.setattr(engines, 'has_bf16', lambda: not lacking)
    monkeypatch.setattr(engines, 'has_vnni', lambda: not lacking)
    monkeypatch.setattr(engines, 'measured', lambda made, x: {n: -names.index(n) for n in made})
    expected, best = {
        True: (True, 'packed'),
        'bf16': ('bf16', 'packed-bf16'),
        'int8': ('int8', 'packed-int8'),
    }[True if lacking else fast]
    quick = accelerate(build(config(SMALL)), fast)
    assert what_ran(quick, fast)['engines'] == []
    for size in (65, 65, 33):
        quick(torch.zeros(1, 3, size, size))
        assert what_ran(quick, fast) == dict(fast=expected, fast_allowed=fast, engines=[best])
    quick.used.add('plain')
    row = facts(dict(config='c', **what_ran(quick, fast)))['Precision']
    shown = str(expected).replace('True', 'float32')
    allowed = f'; {fast} was allowed' if lacking and fast is not True else ''
    assert row == f'{shown} ({best}, plain){allowed}'


@pytest.mark.parametrize(('capable', 'ran', 'level'), [
    (True, 'openvino-bf16', 'bf16'), (False, 'openvino-f32', True),
])  # fmt: skip
def test_openvino_without_bfloat16_is_recorded_as_float32(
    capable: bool, ran: str, level: bool | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines.vino, 'has_bf16', lambda: capable)
    assert engines.ran_as('openvino-bf16') == ran
    assert engines.precision([ran, 'packed']) == level
    assert [n for n in engines.ENGINES if engines.ran_as(n) != n] == ['openvino-bf16'] * (
        not capable
    )


def test_what_openvino_says_of_bfloat16_is_what_it_compiles_to() -> None:
    openvino = pytest.importorskip('openvino')
    model = openvino.convert_model(nn.Conv2d(3, 4, 3), example_input=torch.zeros(1, 3, 8, 8))
    hints = dict(INFERENCE_PRECISION_HINT='bf16')
    made = openvino.Core().compile_model(model, 'CPU', hints)
    found = made.get_property('INFERENCE_PRECISION_HINT')
    assert (found == openvino.Type.bf16) == engines.vino.has_bf16()


def test_the_report_of_an_evaluation_without_fast_has_no_precision() -> None:
    assert facts(dict(fast=False))['Precision'] == facts({})['Precision'] == ''
    assert engines_used(build(config(SMALL))) == ['plain']


def test_away_from_cpus_bf16_runs_and_int8_is_refused() -> None:
    def calibration() -> Iterator[Tensor]:
        raise AssertionError('there is nothing to correct')
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
    name, _ = engines.fastest(away.network, torch.zeros(1, device='meta'), 'bf16', Calibration())
    assert engines.precision([name]) == 'bf16'


def test_autocast_computes_in_bfloat16_and_gives_float32() -> None:
    network, x = nn.Module(), torch.randn(1, 3, 8, 8)
    linear, seen = nn.Linear(8, 4), []
    linear.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    network.forward = lambda x, mode: linear(x)
    found = engines.autocast_bf16(network)(x)
    assert seen == [torch.bfloat16]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, linear(x), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ('bf16', 'vnni', 'left', 'told'),
    [
        (True, True, {'plain', 'packed', 'packed-bf16', 'packed-int8'}, ''),
        (True, False, {'plain', 'packed', 'packed-bf16'}, 'no VNNI'),
        (False, True, {'plain', 'packed'}, 'no bfloat16'),
        (False, False, {'plain', 'packed'}, 'no VNNI'),
    ],
)
def test_what_the_processor_lacks_is_told_and_not_run(
    bf16: bool, vnni: bool, left: set[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, 'has_bf16', lambda: bf16)
    monkeypatch.setattr(engines, 'has_vnni', lambda: vnni)
    assert set(engines.able(build(config(SMALL)), torch.zeros(1, 3, 65, 65), 'int8')) == left
    assert told in engines.unsupported('int8')
    assert bool(engines.unsupported('int8')) == bool(told)
    assert not engines.unsupported(True)


class Few(nn.Module):
    """A residual unit, a separable convolution, a pooled branch: what is fused, in few layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))
        self.wide = nn.Conv2d(16, 16, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=12, dilation=12, groups=16)
        self.narrow = nn.Conv2d(16, 16, 1)
        self.pooled = nn.Conv2d(16, 4, 1)
        self.join = nn.Conv2d(20, 16, 1)
        self.last = nn.Conv2d(16, 5, 1)

    def forward(self, x: Tensor, mode: str = 'tensor') -> Tensor:
        x = self.stem(x).relu()
        x = x + self.narrow(self.depthwise(self.wide(x).relu()))
        mean = self.pooled(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        return self.last(self.join(torch.cat([mean, x.relu()], 1)).relu())


@pytest.mark.parametrize(
    ('engine', 'decibels'),
    [
        pytest.param('packed-bf16', 35, marks=needs_bf16),
        pytest.param('packed-int8', 20, marks=[needs_bf16, needs_vnni]),
        ('openvino-bf16', 35),
        pytest.param('openvino-int8', 20, marks=needs_vnni),
    ],
)
def test_lower_precision_stays_near(engine: str, decibels: float, kernels: bool) -> None:
    if engine.startswith('openvino'):
        pytest.importorskip('openvino')
    torch.manual_seed(0)
    model, x = Few().eval(), torch.randn(2, 3, 32, 33)
    truth = model(x)
    found = engines.ENGINES[engine][1](model, x, Calibration())(x)
    noise = (found - truth).square().sum() / (truth - truth.mean((2, 3), True)).square().sum()
    assert -10 * noise.log10() > decibels


@needs_bf16
@needs_vnni
def test_layers_that_bytes_would_spoil_are_named() -> None:
    model, x = build(config(SMALL)), torch.randn(1, 3, 65, 65)
    calibration = Calibration([x])
    engines.packed_int8(model, x, calibration)
    assert 'backbone.stem.conv' in calibration.sensitive
    assert 'decode_head.conv_seg' in calibration.sensitive


def test_the_predictor_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert main([str(tmp_path / 'a.png'), *options]) == 0
    told = 'in floating point, not int8' if engines.has_bf16() and engines.has_vnni() else 'no VNNI'
    assert told in capsys.readouterr().err
    assert (tmp_path / 'out/masks/a.png').is_file()
