"""OpenMMLab's functions with our configs and checkpoints: our labels and scores, or a refusal."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint
from mmseg.apis import MMSegInferencer, inference_model, init_model
from mmseg.registry import MODELS
from networks import random_checkpoint
from places import ROOT
from safetensors.torch import save_file

from mmdeeplab import DeepLabPredictor
from mmdeeplab.checkpoint.mmengine_loader import load_from_safetensors
from mmdeeplab.datasets.mini_voc import MiniVoc, generate
from mmdeeplab.engine.runner import DeepLabRunner
from mmdeeplab.errors import UserError
from mmdeeplab.models.norms.norm_layers import grouped, norm_layers, replace
from mmdeeplab.models.segmentors import EncoderDecoder
from mmdeeplab.visualization.voc_palette import VOC_CLASSES

NAME = 'deeplabv3plus_mobilenetv2_mini-voc'
LEAVES = sorted((ROOT / 'configs').rglob('*.py'))
LEAVES = [path for path in LEAVES if '_base_' not in path.parts]


@pytest.fixture(scope='module')
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config, three pictures, and weights under which they have several labels."""
    folder = tmp_path_factory.mktemp('doors')
    generate(folder / 'data', MiniVoc(train=3, val=3, size=64), quiet=True)
    (folder / 'config.py').write_text(
        f'_base_ = {str(ROOT / "configs" / NAME) + ".py"!r}\n'
        f'data_root = {str(folder / "data")!r}\n'
        'loader = dict(num_workers=0, persistent_workers=False)\n'
        'test_dataloader = dict(**loader, dataset=dict(data_root=data_root))\n'
        'val_dataloader = test_dataloader\n'
        'train_dataloader = dict(batch_size=2, **loader, dataset=dict(data_root=data_root))\n'
    )
    path = random_checkpoint(config(folder), folder)
    save_file(torch.load(path)['state_dict'], folder / 'good.safetensors')
    return folder


def config(work: Path) -> Config:
    return Config.fromfile(work / 'config.py')


def pictures(work: Path) -> list[str]:
    return sorted(map(str, (work / 'data' / 'JPEGImages').glob('*.jpg')))[:3]


def by_init_model(work: Path, weights: str, arrays: bool) -> list[np.ndarray]:
    model = init_model(work / 'config.py', weights, device='cpu')
    images = [cv2.imread(p) if arrays else p for p in pictures(work)]
    return [inference_model(model, image).pred_sem_seg.data[0].numpy() for image in images]


def by_inferencer(work: Path, weights: str, arrays: bool) -> list[np.ndarray]:
    infer = MMSegInferencer(str(work / 'config.py'), weights, device='cpu', show_progress=False)
    images = [cv2.imread(p) if arrays else p for p in pictures(work)]
    return infer(images)['predictions']


@pytest.mark.parametrize('arrays', [False, True])
@pytest.mark.parametrize('suffix', ['safetensors', 'pth'])
@pytest.mark.parametrize('door', [by_init_model, by_inferencer])
def test_mmseg_predicts_our_labels(work: Path, door: Callable, suffix: str, arrays: bool) -> None:
    weights = work / 'good.safetensors'
    if suffix == 'pth':  # as a training of MMEngine leaves it
        weights = work / 'named.pth'
        meta = dict(dataset_meta=dict(classes=VOC_CLASSES, palette=[(0, 0, 0)] * 21))
        torch.save({**torch.load(work / 'random.pth'), 'meta': meta}, weights)
    ours = DeepLabPredictor(work / 'config.py', weights, 'cpu')
    wanted = [ours(picture).labels for picture in pictures(work)]
    assert len(np.unique(wanted[0])) > 2
    for one, other in zip(door(work, str(weights), arrays), wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def evaluated(kind: type[Runner], work: Path, weights: Path, folder: Path) -> dict:
    cfg = config(work)
    cfg.work_dir, cfg.load_from = str(folder), str(weights)
    # MMEngine's runs of one second and name share a folder.
    cfg.experiment_name = f'{folder.parent.name} {folder.name}'
    return kind.from_cfg(cfg).test()


def test_mmengines_runner_gives_our_scores(work: Path, tmp_path: Path) -> None:
    """What mmseg's tools/test.py does with a config."""
    ours = evaluated(DeepLabRunner, work, work / 'good.safetensors', tmp_path / 'ours')
    for name in ('good.safetensors', 'random.pth'):
        theirs = evaluated(Runner, work, work / name, tmp_path / name)
        assert theirs['val/loss'] == ours['val/loss'] > 0
        assert theirs['mIoU'] == ours['mIoU']


@pytest.mark.parametrize(
    ('meta', 'classes', 'colours'),
    [
        (dict(dataset_meta=dict(classes=['a', 'b'], palette=[[1, 2, 3], [4, 5, 6]])), 'ab', 2),
        (dict(classes=['x', 'y']), 'xy', 2),
        (dict(CLASSES=['x', 'y']), 'xy', 2),
        (dict(classes='x,y'), VOC_CLASSES, 21),
        (dict(classes=21), VOC_CLASSES, 21),
        ({}, VOC_CLASSES, 21),
    ],
)
def test_the_classes_are_those_of_the_file(
    work: Path, tmp_path: Path, meta: dict, classes: str, colours: int
) -> None:
    import json

    state = torch.load(work / 'random.pth')['state_dict']
    text = {key: json.dumps(value) for key, value in meta.items()}
    save_file(state, tmp_path / 'a.safetensors', text)
    model = init_model(config(work), str(tmp_path / 'a.safetensors'), device='cpu')
    assert list(model.dataset_meta['classes']) == list(classes)
    assert len(model.dataset_meta['palette']) == colours
    infer = MMSegInferencer(
        str(work / 'config.py'), str(tmp_path / 'a.safetensors'), device='cpu', show_progress=False
    )
    assert list(infer.model.dataset_meta['classes']) == list(classes)


def test_one_logit_stands_for_two_classes(tmp_path: Path) -> None:
    """Else mmsegmentation would draw no foreground."""
    save_file({'decode_head.conv_seg.weight': torch.zeros(1, 3, 1, 1)}, tmp_path / 'a.safetensors')
    meta = load_from_safetensors(str(tmp_path / 'a.safetensors'))['meta']['dataset_meta']
    assert len(meta['classes']) == len(meta['palette']) == 2


@pytest.mark.parametrize('chosen', ['', 'backbone', 'neck', 'decode_head'])
def test_group_norm_of_a_checkpoint_enters_by_mmengines_loader(tmp_path: Path, chosen: str) -> None:
    """As ``bn_policy`` leaves it after small batches; an ``EMAHook`` loads so, too."""
    init_default_scope('mmseg')
    cfg = Config.fromfile(ROOT / 'configs' / f'{NAME}.py').model
    trained, fresh = MODELS.build(cfg).eval(), MODELS.build(cfg).eval()
    replace(trained, [n for n in norm_layers(trained) if n.startswith(chosen)], grouped)
    torch.save(dict(state_dict=trained.state_dict()), tmp_path / 'a.pth')
    load_checkpoint(fresh, str(tmp_path / 'a.pth'), map_location='cpu')
    image = torch.randn(1, 3, 33, 33)
    with torch.no_grad():
        assert torch.equal(fresh(image), trained(image))


def wrong(work: Path, kind: str, path: Path) -> Path:
    """A file that is not these weights."""
    state = dict(torch.load(work / 'random.pth')['state_dict'])
    head = 'decode_head.conv_seg.weight'
    if kind == 'other classes':
        state |= {key: value[:5].clone() for key, value in state.items() if 'conv_seg' in key}
    elif kind == 'another network':
        state = {key.replace('backbone', 'body'): value for key, value in state.items()}
    elif kind == 'one missing':
        del state[head]
    elif kind == 'one unknown':
        state['decode_head.extra'] = torch.zeros(1)
    elif kind == 'not finite':
        state[head] = torch.full_like(state[head], torch.nan)
    elif kind == 'empty':
        state = {}
    if path.suffix == '.pth':
        torch.save(dict(state_dict=state, meta={}), path)
    else:
        save_file(state, path)
    if kind == 'cut':
        path.write_bytes(path.read_bytes()[:-1000])
    return path


WRONG = (
    *('other classes', 'another network', 'one missing', 'one unknown', 'not finite', 'empty'),
    'cut',
)


@pytest.mark.parametrize('suffix', ['safetensors', 'pth'])
@pytest.mark.parametrize('kind', WRONG)
def test_wrong_files_are_refused(work: Path, tmp_path: Path, kind: str, suffix: str) -> None:
    path = wrong(work, kind, tmp_path / f'a.{suffix}')
    init_default_scope('mmseg')
    torn = kind == 'cut' and suffix == 'pth'  # torch itself finds that
    error, words = (Exception, '') if torn else (UserError, r'a\.safetensors|the checkpoint')
    doors = [
        lambda: load_checkpoint(MODELS.build(config(work).model), str(path)),
        lambda: init_model(config(work), str(path), device='cpu'),
        lambda: MMSegInferencer(str(work / 'config.py'), str(path), device='cpu'),
    ]
    if kind == 'other classes':
        doors.append(lambda: evaluated(Runner, work, path, tmp_path / 'work'))
    for door in doors:
        with pytest.raises(error, match=words):
            door()


def test_a_part_can_still_be_taken_on_purpose(work: Path) -> None:
    init_default_scope('mmseg')
    model = MODELS.build(config(work).model)
    state = torch.load(work / 'random.pth')['state_dict']
    part = {key: value for key, value in state.items() if key.startswith('backbone.')}
    found = model.load_state_dict(part, strict=False)
    assert found.missing_keys
    assert not found.unexpected_keys
    assert torch.equal(next(iter(part.values())), model.state_dict()[next(iter(part))])


def test_mmengines_runner_says_how_to_train(work: Path, tmp_path: Path) -> None:
    cfg = config(work)
    cfg.work_dir, cfg.experiment_name = str(tmp_path), tmp_path.name
    with pytest.raises(UserError, match=r'RUNNERS\.build\(cfg\)\.train\(\)'):
        Runner.from_cfg(cfg).train()


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_every_config_has_the_doors(path: Path) -> None:
    """Its network refuses what does not fit, and its pictures are loaded by mmseg's name."""
    cfg = Config.fromfile(path)
    assert issubclass(MODELS.get(cfg.model.type), EncoderDecoder)
    for pipeline in (cfg.test_pipeline, cfg.test_dataloader.dataset.pipeline):
        assert pipeline[0]['type'] == 'LoadImageFromFile'
