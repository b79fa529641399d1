"""mmsegmentation's checkpoints, and with them our networks, against mmsegmentation's own."""

from collections.abc import Callable
from pathlib import Path

import mmseg
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from peer_weights import randomise
from places import ROOT
from torch import Tensor, nn

from mmdeeplab.cli.convert_weights import main
from mmdeeplab.config.overrides import parse_options
from mmdeeplab.weights.converters import mmseg as importer
from mmdeeplab.weights.model_zoo import load
from mmdeeplab.weights.table import Fitting, convert

THEIRS = Path(mmseg.__file__).parent / '.mim' / 'configs'
# our config, its settings, their config
D16 = (
    'model.backbone.depth=101',
    *next(row for row in load() if '_r101-d16-mg124_' in row.name).cfg_options,
)
ROWS = [
    (
        'deeplabv3_r50-d8-mmseg_voc',
        (),
        'deeplabv3/deeplabv3_r50-d8_4xb4-40k_voc12aug-512x512',
    ),
    (
        'deeplabv3plus_r50-d8-mmseg_voc',
        (),
        'deeplabv3plus/deeplabv3plus_r50-d8_4xb4-40k_voc12aug-512x512',
    ),
    (
        'deeplabv3plus_r50-d8-mmseg_voc',
        ('model.backbone.stem=7x7',),
        'deeplabv3plus/deeplabv3plus_r50b-d8_4xb2-80k_cityscapes-512x1024',
    ),
    (
        'deeplabv3_r50-d8-mmseg_voc',
        D16,
        'deeplabv3/deeplabv3_r101-d16-mg124_4xb2-80k_cityscapes-512x1024',
    ),
    (
        'deeplabv3plus_r50-d8-mmseg_voc',
        D16,
        'deeplabv3plus/deeplabv3plus_r101-d16-mg124_4xb2-80k_cityscapes-512x1024',
    ),
    (
        'deeplabv3_r18-d8-mmseg_voc',
        (),
        'deeplabv3/deeplabv3_r18-d8_4xb2-80k_cityscapes-512x1024',
    ),
    (
        'deeplabv3plus_r18-d8-mmseg_voc',
        ('model.backbone.type=ResNet',),
        'deeplabv3plus/deeplabv3plus_r18b-d8_4xb2-80k_cityscapes-512x1024',
    ),
    (
        'deeplabv3_mobilenetv2-d8-mmseg_voc',
        (),
        'mobilenet_v2/mobilenet-v2-d8_deeplabv3_4xb2-80k_cityscapes-512x1024',
    ),
    (
        'deeplabv3plus_mobilenetv2-d8-mmseg_voc',
        (),
        'mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb2-80k_cityscapes-512x1024',
    ),
]
MOBILE = 8  # a small one with a decoder
SIZES = [(129, 129), (96, 130)]


class Heads(nn.Module):
    """The logits of both heads of a segmentor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.model.extract_feat(x)
        return self.model.decode_head(maps), self.model.auxiliary_head(maps)


def one_process(cfg: ConfigDict) -> None:
    """Their SyncBN needs a group of processes; BN is the same function."""
    for key, value in cfg.items():
        if isinstance(value, dict):
            if key == 'norm_cfg':
                value.type = 'BN'
            one_process(value)


def peer(config: str, seed: int = 0) -> Heads:
    """Their network with seeded weights and statistics."""
    cfg = Config.fromfile(THEIRS / f'{config}.py').model
    cfg.pretrained = None
    one_process(cfg)
    init_default_scope('mmseg')
    heads = Heads(MODELS.build(cfg))
    randomise(heads, torch.randn(2, 3, 129, 129), seed)
    return heads


def saved(heads: Heads, path: Path) -> dict:
    """Through a file, as it is published."""
    meta = dict(mmseg_version='1.0.0', CLASSES=('road', 'sidewalk'), PALETTE=[[0, 0, 0]])
    torch.save(dict(meta=meta, state_dict=heads.model.state_dict()), path)
    tensors = importer.read(path)
    path.unlink()
    return tensors


def ours(build: Callable[..., nn.Module], config: str, heads: Heads, **options: object) -> Heads:
    classes = heads.model.num_classes
    keys = ('decode_head', 'auxiliary_head')
    return Heads(build(config, **{f'model.{key}.num_classes': classes for key in keys}, **options))


def names(config: str, settings: tuple[str, ...]) -> str:
    return '-'.join([config, *(setting.rpartition('.')[2] for setting in settings)])


@pytest.mark.parametrize(
    ('config', 'settings', 'theirs'), ROWS, ids=[names(*row[:2]) for row in ROWS]
)
def test_equals_mmseg(
    build: Callable[..., nn.Module],
    tmp_path: Path,
    config: str,
    settings: tuple[str, ...],
    theirs: str,
) -> None:
    heads = peer(theirs)
    tensors = saved(heads, tmp_path / 'net.pth')
    # Nothing in the tensors tells the -d16-mg124 ones, which the rows of the model zoo do.
    depth = tuple(setting for setting in settings if 'depth' in setting)
    expected_settings = depth if '-d16' in theirs else settings
    assert importer.config_for(tensors) == Fitting(config, expected_settings)
    mine = ours(build, config, heads, **parse_options(settings))
    state = convert(tensors, importer.table_for(tensors), mine.model.state_dict())
    mine.model.load_state_dict(state)
    mine.eval()
    for size in SIZES:
        image = torch.randn(1, 3, *size)
        with torch.no_grad():
            for expected, found in zip(heads(image), mine(image), strict=True):
                assert 0.3 < expected.std() < 30
                assert (found - expected).abs().max() < 1e-4


WRONG = [
    {'model.backbone.dilations': (1, 1, 1, 2, 2, 2, 2)},
    {'model.backbone.norm_cfg.eps': 1e-3},
    {'model.neck.rates': (6, 12, 18)},
    {'model.decode_head.align_corners': True},
]


def test_a_wrong_network_would_show(build: Callable[..., nn.Module]) -> None:
    config, _, theirs = ROWS[MOBILE]
    heads = peer(theirs)
    state = heads.model.state_dict()
    tensors = {name: t.numpy() for name, t in state.items() if 'tracked' not in name}
    image = torch.randn(1, 3, *SIZES[0])
    with torch.no_grad():
        expected = heads(image)[0]
    for wrong in WRONG:
        mine = ours(build, config, heads, **wrong)
        mine.model.load_state_dict(
            convert(tensors, importer.table_for(tensors), mine.model.state_dict())
        )
        with torch.no_grad():
            assert (mine.eval()(image)[0] - expected).abs().max() > 1e-3, wrong


class Canary:
    """An object whose unpickling creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def history() -> dict:
    """What MMEngine's runner adds to every checkpoint."""
    return dict(log_scalars={'train/loss': HistoryBuffer([1.0, 0.5], [1, 1])})


@pytest.mark.parametrize('poisoned', [False, True])
def test_trust_is_explicit(tmp_path: Path, capsys: pytest.CaptureFixture, poisoned: bool) -> None:
    """MMEngine's own checkpoints do not need it; without, nothing in a file runs."""
    heads = peer(ROWS[MOBILE][2])
    canary = tmp_path / 'canary'
    held = dict(message_hub=history()) | (dict(optimizer=Canary(canary)) if poisoned else {})
    path, out = tmp_path / 'iter_80000.pth', tmp_path / 'out.safetensors'
    torch.save(dict(state_dict=heads.model.state_dict(), **held), path)
    classes = [f'model.{head}.num_classes=19' for head in ('decode_head', 'auxiliary_head')]
    command = ['mmseg', path, out, '--config', ROOT / 'configs' / f'{ROWS[MOBILE][0]}.py']
    command = [*map(str, command), '--cfg-options', *classes]
    if not poisoned:
        assert main(command) == 0
        return
    assert main(command) == 2
    error = capsys.readouterr().err
    assert f'{path} is not loaded' in error
    assert 'could run code' in error
    assert '--trust' in error
    assert not out.exists()
    assert not canary.exists()
    assert main([*command, '--trust']) == 0
    assert f'--trust: {path} is unpickled without restrictions' in capsys.readouterr().err
    assert out.exists()
    assert canary.exists()


@pytest.mark.parametrize('new', [False, True])
def test_the_classes_that_a_file_names_are_kept(tmp_path: Path, new: bool) -> None:
    """Not those of VOC, whose number they are; in either form that mmsegmentation has written."""
    names, colours = [f'kind {i}' for i in range(21)], [[i, 0, 7] for i in range(21)]
    meta = dict(dataset_meta=dict(classes=names, palette=colours))
    path, out = tmp_path / 'a.pth', tmp_path / 'out.pth'
    state = {
        key: torch.cat([value, value[:2]]) if '.conv_seg.' in key else value
        for key, value in peer(ROWS[MOBILE][2]).model.state_dict().items()
    }
    torch.save(
        dict(state_dict=state, meta=meta if new else dict(CLASSES=names, PALETTE=colours)), path
    )
    command = ['mmseg', path, out, '--config', ROOT / 'configs' / f'{ROWS[MOBILE][0]}.py']
    assert main([*map(str, command)]) == 0
    written = torch.load(out)['meta']
    assert (written['classes'], written['palette']) == (names, colours)


def test_trust_is_for_pickles(capsys: pytest.CaptureFixture) -> None:
    assert main(['caffe', 'x.caffemodel', 'x.safetensors', '--trust']) == 2
    assert '--trust has no use with caffe' in capsys.readouterr().err
