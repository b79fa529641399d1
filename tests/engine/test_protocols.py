"""Protocols by name: what they do to an image, and that configs keep what they say."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from PIL import Image
from places import ROOT
from test_public_data import LEAVES as PUBLIC_DATA

from mmdeeplab.config.protocols import configured_protocol, find_protocols, with_protocol
from mmdeeplab.datasets.transforms.scale import CentreCrop
from mmdeeplab.errors import UserError

# Those of data in VOC's layout; the others: test_public_data.py
LEAVES = sorted(
    {*(ROOT / 'configs').glob('*.py'), *(ROOT / 'configs/ablation').glob('*.py')} - {*PUBLIC_DATA}
)
VOC = ROOT / 'configs/deeplabv3plus_xception_voc.py'


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_every_config_knows_the_three_and_is_one_of_its_own(path: Path) -> None:
    cfg = Config.fromfile(path)
    assert {'paper-513', 'short-512', 'crop-513'} <= set(cfg.protocols)
    own = configured_protocol(cfg)
    assert own.startswith('paper-')
    size = cfg.model.data_preprocessor.get('test_size') or cfg.model.data_preprocessor['size']
    sides = sorted(set(size))
    assert own == f'paper-{"x".join(map(str, size if len(sides) > 1 else sides))}'
    assert cfg.val_dataloader == cfg.test_dataloader


def load(name: str, folder: Path) -> dict:
    """A 60 x 90 image under a protocol: (H, W) of network input and of label."""
    rng = np.random.default_rng(0)
    cv2.imwrite(str(folder / 'a.png'), rng.integers(0, 255, (60, 90, 3), dtype=np.uint8))
    label = np.zeros((60, 90), np.uint8)
    label[:, 45:] = 3
    Image.fromarray(label).save(folder / 'm.png')
    init_default_scope('mmseg')
    cfg = Config.fromfile(VOC)
    cfg = with_protocol(cfg, name)
    return Compose(cfg.test_dataloader.dataset.pipeline)(
        dict(
            img_path=str(folder / 'a.png'),
            seg_map_path=str(folder / 'm.png'),
            num_classes=21,
            seg_fields=[],
            reduce_zero_label=False,
        )
    )


@pytest.mark.parametrize(
    ('name', 'image', 'label'),
    [
        ('paper-513', (60, 90), (60, 90)),
        ('short-512', (512, 768), (60, 90)),
        ('crop-513', (513, 513), (513, 513)),
    ],
)
def test_sizes(name: str, image: tuple, label: tuple, tmp_path: Path) -> None:
    packed = load(name, tmp_path)
    sample = packed['data_samples']
    assert tuple(packed['inputs'].shape[1:]) == image
    assert tuple(sample.gt_sem_seg.data.shape[1:]) == label
    assert tuple(sample.ori_shape) == label  # to which logits are resized


def test_the_centre_of_label_and_image_go_together(tmp_path: Path) -> None:
    label = load('crop-513', tmp_path)['data_samples'].gt_sem_seg.data[0].numpy()
    columns = (label == 3).all(0)
    assert 255 <= int(columns.sum()) <= 258
    assert columns[-1]
    assert not columns[0]


@pytest.mark.parametrize('size', [(3, 5), (2, 2), (20, 3)])
def test_crops_the_middle(size: tuple) -> None:
    image = np.arange(7 * 9).reshape(7, 9)
    results = dict(img=image, gt_seg_map=image, img_shape=(7, 9), seg_fields=['gt_seg_map'])
    cut = CentreCrop(size).transform(results)
    height, width = (min(a, b) for a, b in zip(size, (7, 9), strict=True))
    assert cut['img'].shape == cut['ori_shape'] == (height, width)
    np.testing.assert_array_equal(cut['img'], cut['gt_seg_map'])
    top, left = (int(cut['img'][0, 0]) // 9, int(cut['img'][0, 0]) % 9)
    assert abs((7 - height) / 2 - top) <= 0.5
    assert abs((9 - width) / 2 - left) <= 0.5


def test_other_settings_are_called_custom() -> None:
    cfg = Config.fromfile(VOC)
    cfg.model.data_preprocessor.test_size = (321, 321)
    assert find_protocols(cfg, None) == ['custom']
    cfg = with_protocol(cfg, 'custom')
    assert cfg.model.data_preprocessor.test_size == (321, 321)
    cfg = with_protocol(cfg, 'short-512')
    assert find_protocols(cfg, None) == ['short-512']


def test_a_protocol_reaches_the_network_inside_wrappers() -> None:
    cfg = Config.fromfile(VOC)
    cfg.model = dict(type='mmdeeplab.MultiScaleFlip', module=cfg.model)
    cfg = with_protocol(cfg, 'short-512')
    assert cfg.model.module.data_preprocessor.test_size == (1, 1)
    assert configured_protocol(cfg) == 'short-512'


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    cfg = Config.fromfile(VOC)
    with pytest.raises(UserError, match=r"paper-513, short-512, crop-513, all, got 'paper'"):
        find_protocols(cfg, 'paper')
    cfg.pop('protocols')
    with pytest.raises(UserError, match='no `protocols`'):
        find_protocols(cfg, 'all')


def test_a_config_without_test_data_has_no_protocol_of_its_own() -> None:
    cfg = Config.fromfile(VOC)
    cfg.test_dataloader = None
    assert configured_protocol(cfg) == 'custom'
    cfg.model.pop('data_preprocessor')
    assert configured_protocol(cfg) == 'custom'
