"""Data sets inside the wrappers of MMEngine and mmsegmentation: read, checked, weighed, resumed."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from broken import config, draw, filled, ids_of
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmdeeplab.datasets.check import scan
from mmdeeplab.datasets.check.report import examine
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.engine.hooks.data_check import check_classes, root_of
from mmdeeplab.engine.runner import DeepLabRunner
from mmdeeplab.errors import UserError

PIPELINE = [dict(type='mmdeeplab.LoadImage'), dict(type='mmdeeplab.LoadMask')]
CROP = dict(type='RandomCrop', crop_size=(8, 8))
FLIP = dict(type='mmdeeplab.RandomFlip', prob=0.5)
PACK = dict(type='mmdeeplab.PackTraining')


def balanced(data: dict) -> dict:
    return dict(type='ClassBalancedDataset', oversample_thr=0.9, dataset=data)


def repeated(data: dict) -> dict:
    return dict(type='RepeatDataset', times=2, dataset=data)


def joined(data: dict) -> dict:
    return dict(type='ConcatDataset', datasets=[data, copy.deepcopy(data)])


def mixed(data: dict) -> dict:
    inner = data | dict(pipeline=PIPELINE) if 'pipeline' in data else data
    mosaic = dict(type='RandomMosaic', prob=1.0, img_scale=(16, 16))
    return dict(type='MultiImageMixDataset', dataset=inner, pipeline=[mosaic, CROP, FLIP, PACK])


NESTS = {
    'balanced': [balanced],
    'repeated': [repeated],
    'joined': [joined],
    'mixed': [mixed],
    'balanced, repeated': [balanced, repeated],
    'balanced, joined': [balanced, joined],
    'balanced twice': [balanced, balanced],
    'repeated, joined': [repeated, joined],
    'joined, repeated': [joined, repeated],
    'balanced, repeated, joined': [balanced, repeated, joined],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Class 20 is in one training mask only, and one mask is void."""
    draw(tmp_path)
    masks = [p for p in sorted((tmp_path / 'SegmentationClass').iterdir()) if 'train' in p.name]
    for i, path in enumerate(masks):
        filled([path], 20 if i == 0 else 255 if i == 1 else i % 3)
    return tmp_path


def nested(root: Path, name: str) -> Config:
    cfg = config(root, pipeline=[*PIPELINE, CROP, FLIP, PACK])
    for wrap in NESTS[name]:
        cfg.train_dataloader.dataset = wrap(cfg.train_dataloader.dataset.to_dict())
    return cfg


@pytest.mark.parametrize('name', NESTS)
def test_every_wrapper_is_checked_and_feeds_the_sampler(root: Path, name: str) -> None:
    init_default_scope('mmseg')
    cfg = nested(root, name)
    report = examine(cfg, ('train',))
    assert not report.errors
    assert report.counts['train'].pixels[20] > 0
    loader = dict(
        batch_size=2,
        sampler=dict(type='mmdeeplab.ResumableSampler'),
        dataset=cfg.train_dataloader.dataset,
        collate_fn=dict(type='pseudo_collate'),
    )
    built = [DeepLabRunner.build_dataloader(copy.deepcopy(loader), seed=5) for _ in range(2)]
    built[1].sampler.skip(4)  # samples: two batches, as a resumed run leaves out
    whole, rest = (iter(each) for each in built)
    batches = [next(whole) for _ in range(4)]
    for expected in batches[2:]:
        found = next(rest)
        for a, b in zip(expected['inputs'], found['inputs'], strict=True):
            np.testing.assert_array_equal(a, b)
    dataset = built[0].dataset
    assert dataset.metainfo['classes'] == VOCFolderDataset(str(root), 'train').metainfo['classes']
    with pytest.raises(UserError, match=f'num_classes is 3, but {root} has 21 classes'):
        check_classes(dataset, 3)


@pytest.mark.parametrize('metainfo', [dict(), dict(classes=None), None])
def test_a_data_set_that_names_no_classes_may_have_any_number(metainfo: dict | None) -> None:
    dataset: Any = SimpleNamespace(metainfo=metainfo)
    check_classes(dataset, 3)


def test_classes_of_images_equal_their_masks(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rule in (dict(), dict(reduce_zero_label=True), dict(ignore_index=1), dict(indices=[2, 0])):
        dataset = VOCFolderDataset(str(root), 'train', **rule)
        for i in range(len(dataset)):
            ids = ids_of(Path(dataset.get_data_info(i)['seg_map_path']))
            wanted = set(np.unique(dataset.label_ids(ids)).tolist()) - {255}
            assert dataset.get_cat_ids(i) == sorted(wanted)
    examine(config(root), ('train',))

    def forbidden(*paths: Path) -> None:
        raise AssertionError('the check has counted this file')

    monkeypatch.setattr(scan, 'look_at', forbidden)
    assert VOCFolderDataset(str(root), 'train').get_cat_ids(0) == [20]


def test_rare_classes_come_more_often(root: Path) -> None:
    init_default_scope('mmseg')
    dataset = DATASETS.build(nested(root, 'balanced').train_dataloader.dataset)
    inner = dataset.dataset
    rare = [
        dataset.repeat_indices.count(i) for i in range(len(inner)) if 20 in inner.get_cat_ids(i)
    ]
    void = [dataset.repeat_indices.count(i) for i in range(len(inner)) if not inner.get_cat_ids(i)]
    assert rare[0] > 1
    assert void == [1]
    assert root_of(dataset) == str(root)


def test_a_broken_mask_is_named(root: Path) -> None:
    path = Path(VOCFolderDataset(str(root), 'train').get_data_info(0)['seg_map_path'])
    path.write_bytes(b'no picture')
    with pytest.raises(UserError, match=f'{path} is not a picture'):
        VOCFolderDataset(str(root), 'train').get_cat_ids(1)


@pytest.mark.parametrize('wrap', [joined, repeated])
@pytest.mark.parametrize('outer', [[], [repeated]])
def test_balancing_what_does_not_tell_classes(root: Path, wrap: object, outer: list) -> None:
    cfg = config(root)
    for around in (wrap, balanced, *outer):
        cfg.train_dataloader.dataset = around(cfg.train_dataloader.dataset.to_dict())  # type: ignore[operator]
    with pytest.raises(UserError, match=r'cannot be around a .*put it inside'):
        examine(cfg, ('train',))
