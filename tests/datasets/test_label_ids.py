"""``reduce_zero_label`` and ``ignore_index`` from files to scores, against mmsegmentation."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from broken import config, draw, ids_of, save_mask
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from mmdeeplab.config.ignore_index import unify_ignore_index
from mmdeeplab.datasets.check.report import examine
from mmdeeplab.datasets.label_ids import LabelIds, class_ids
from mmdeeplab.datasets.transforms import LoadImage, LoadMask
from mmdeeplab.datasets.voc_folder import VOCFolderDataset
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.metric import SegMetric

VOID = 255
RULES = [dict(reduce_zero_label=True), dict(ignore_index=0), dict(ignore_index=7),
         dict(reduce_zero_label=True, ignore_index=3), dict(ignore_index=254), dict()]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw(tmp_path)
    return tmp_path


def expected(
    ids: np.ndarray, ignore_index: int = VOID, reduce_zero_label: bool = False
) -> np.ndarray:
    """In words: what is void is 255, and the others count from 0."""
    labels = ids.astype(np.int64)
    if reduce_zero_label:
        labels = np.where((ids == 0) | (ids == VOID), VOID, labels - 1)
    return np.where(labels == ignore_index, VOID, labels)


@pytest.mark.parametrize('rule', RULES)
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.int32])
def test_every_id_of_a_byte(rule: dict, dtype: type) -> None:
    ids = np.arange(256).astype(dtype)
    np.testing.assert_array_equal(LabelIds(**rule)(ids), expected(ids, **rule))
    assert class_ids(np.array([256, 70000]), True, None).tolist() == [256, 70000]  # refused later


@pytest.mark.parametrize('rule', RULES)
def test_masks_are_loaded_as_mmsegmentation_loads_them(root: Path, rule: dict) -> None:
    dataset = VOCFolderDataset(str(root), 'val', **rule)
    info = dataset.get_data_info(0)
    theirs = copy.deepcopy(info)
    LoadAnnotations()(theirs)
    ours = LoadMask()(LoadImage()(info))
    np.testing.assert_array_equal(ours['gt_seg_map'], theirs['gt_seg_map'])
    stored = ids_of(Path(info['seg_map_path']))
    np.testing.assert_array_equal(ours['gt_seg_map'], expected(stored, **rule))


@pytest.mark.parametrize('rule', RULES)
def test_scores_equal_mmsegmentations(root: Path, rule: dict) -> None:
    dataset = VOCFolderDataset(str(root), 'val', pipeline=[], **rule)
    classes = len(dataset.metainfo['classes'])
    own, theirs = SegMetric(loss=False, resamples=10), IoUMetric()
    own.dataset_meta = theirs.dataset_meta = dataset.metainfo
    random = np.random.default_rng(0)
    for i in range(len(dataset)):
        info = LoadMask()(LoadImage()(dataset.get_data_info(i)))
        label = torch.from_numpy(info['gt_seg_map'])[None]
        guess = torch.from_numpy(random.integers(0, classes, label.shape))
        mixed = torch.where((torch.rand(label.shape) < 0.5) & (label != VOID), label.long(), guess)
        sample = SegDataSample(metainfo=dict(img_path=str(i)))
        sample.gt_sem_seg = PixelData(data=label.long())
        sample.pred_sem_seg = PixelData(data=mixed)
        for metric in (own, theirs):
            metric.process({}, [sample.to_dict()])
    found, wanted = own.evaluate(len(dataset)), theirs.evaluate(len(dataset))
    for key in ('mIoU', 'mAcc', 'aAcc'):
        assert found[key] == pytest.approx(wanted[key], abs=0.006), key  # theirs is rounded


@pytest.mark.parametrize('rule', RULES)
def test_the_check_counts_what_is_trained_on(root: Path, rule: dict) -> None:
    report = examine(config(root, **rule), ('train',))
    assert not report.errors
    dataset = VOCFolderDataset(str(root), 'train', **rule)
    masks = [LoadMask()(LoadImage()(dataset.get_data_info(i))) for i in range(len(dataset))]
    pixels = sum(np.bincount(m['gt_seg_map'].ravel(), minlength=256) for m in masks)
    np.testing.assert_array_equal(report.counts['train'].pixels, pixels[:21])
    assert report.counts['train'].void == pixels[VOID]


def test_ade20k_has_150_classes_from_1_on(root: Path) -> None:
    (root / 'classes.txt').write_text(''.join(f'class {i}\n' for i in range(1, 151)))
    dataset = VOCFolderDataset(str(root), 'train', reduce_zero_label=True)
    info = dataset.get_data_info(0)
    path = Path(info['seg_map_path'])
    ids = ids_of(path)
    ids[0, :3] = 0, 150, VOID
    save_mask(path, ids)
    assert not examine(config(root, reduce_zero_label=True), ('train',)).errors
    loaded = LoadMask()(LoadImage()(copy.deepcopy(info)))['gt_seg_map']
    assert loaded[0, :3].tolist() == [VOID, 149, VOID]
    ids[0, 3] = 151
    save_mask(path, ids)
    (problem,) = examine(config(root, reduce_zero_label=True), ('train',)).errors
    assert problem.fault == 'ids'
    assert 'ids 151 (1 pixels); there are 150 classes, 1..150' in problem.words
    with pytest.raises(UserError, match='label 151 in'):
        LoadMask()(LoadImage()(info))


def test_masks_that_are_all_void_by_the_rule(root: Path) -> None:
    for path in (root / 'SegmentationClass').iterdir():
        save_mask(path, np.zeros_like(ids_of(path)))
    assert not examine(config(root), ('train',)).errors
    for rule in (dict(ignore_index=0), dict(reduce_zero_label=True)):
        kinds = {p.fault for p in examine(config(root, **rule), ('train',)).errors}
        assert kinds == {'all-void'}


def small() -> Config:
    """A config of the parts that know of void."""
    pipeline = [dict(type='RandomCrop', crop_size=(8, 8), ignore_index=VOID)]
    data = {
        f'{role}_dataloader': dict(
            dataset=dict(
                type='mmdeeplab.VOCFolderDataset', data_root='.', split=role, pipeline=pipeline
            )
        )
        for role in ('train', 'val', 'test')
    }
    heads = dict(
        data_preprocessor=dict(seg_pad_val=VOID),
        decode_head=dict(ignore_index=VOID, loss_decode=[dict(type='DiceLoss', ignore_index=VOID)]),
        auxiliary_head=[dict(ignore_index=VOID)],
    )
    metric = dict(type='mmdeeplab.SegMetric', ignore_index=VOID)
    return Config(
        copy.deepcopy(dict(model=heads, val_evaluator=metric, test_evaluator=[metric], **data))
    )


PLACES = [
    'train_dataloader.dataset.ignore_index',
    'val_dataloader.dataset.ignore_index',
    'train_dataloader.dataset.pipeline.0.ignore_index',
    'model.decode_head.ignore_index',
    'model.decode_head.loss_decode.0.ignore_index',
    'model.auxiliary_head.0.ignore_index',
    'val_evaluator.ignore_index',
    'test_evaluator.0.ignore_index',
]


def void_of(cfg: Config) -> tuple[set, set]:
    """What data sets and what all others take for void."""
    roles = ('train', 'val', 'test')
    sets = {cfg[f'{role}_dataloader'].dataset.get('ignore_index', VOID) for role in roles}
    head = cfg.model.decode_head
    others = {head.ignore_index, head.loss_decode[0].ignore_index, cfg.val_evaluator.ignore_index}
    others |= {cfg.model.auxiliary_head[0].ignore_index, cfg.test_evaluator[0].ignore_index}
    others |= {cfg[f'{role}_dataloader'].dataset.pipeline[0].ignore_index for role in roles}
    return sets, others | {cfg.model.data_preprocessor.seg_pad_val}


@pytest.mark.parametrize('place', PLACES)
def test_void_is_named_once_and_holds_everywhere(place: str) -> None:
    cfg = small()
    cfg.merge_from_dict({place: 0})
    for _ in range(2):
        cfg = unify_ignore_index(cfg)
        assert void_of(cfg) == ({0}, {VOID})


def test_all_places_may_say_the_same() -> None:
    cfg = small()
    cfg.merge_from_dict(dict.fromkeys(PLACES, 0) | {'model.data_preprocessor.seg_pad_val': 0})
    cfg = unify_ignore_index(cfg)
    assert void_of(cfg) == ({0}, {VOID})


@pytest.mark.parametrize('place', PLACES[2:])
def test_places_that_disagree_are_named(place: str) -> None:
    cfg = small()
    cfg.merge_from_dict({place: 5, PLACES[0]: 0})
    with pytest.raises(UserError) as caught:
        unify_ignore_index(cfg)
    assert f'{place}=5' in str(caught.value)
    assert f'{PLACES[0]}=0' in str(caught.value)


@pytest.mark.parametrize('place', [*PLACES, 'model.data_preprocessor.seg_pad_val'])
def test_a_value_that_is_no_id_is_left_to_its_part(place: str) -> None:
    cfg = small()
    cfg.merge_from_dict({place: [0, 0]})
    void = unify_ignore_index(cfg).train_dataloader.dataset.get('ignore_index', [0, 0])
    with pytest.raises(UserError, match=r'a whole number, got \[0, 0\]'):
        LabelIds(void)


def test_a_dict_is_no_id() -> None:
    cfg = small()
    cfg.train_dataloader.dataset.ignore_index = dict(a=0)
    cfg.val_dataloader.dataset.reduce_zero_label = [0]
    found = unify_ignore_index(cfg).train_dataloader.dataset
    assert (found.ignore_index, found.reduce_zero_label) == (dict(a=0), [0])


def test_data_sets_may_have_rules_of_their_own() -> None:
    cfg = small()
    cfg.merge_from_dict({PLACES[0]: 0, PLACES[1]: 3})
    cfg = unify_ignore_index(cfg)
    assert (cfg.train_dataloader.dataset.ignore_index, cfg.val_dataloader.dataset.ignore_index) == (
        0,
        3,
    )


@pytest.mark.parametrize('key', ['train_dataloader', 'val_dataloader'])
def test_reduce_zero_label_holds_for_all(key: str) -> None:
    cfg = small()
    cfg[key].dataset.reduce_zero_label = True
    cfg = unify_ignore_index(cfg)
    assert all(cfg[f'{r}_dataloader'].dataset.reduce_zero_label for r in ('train', 'val', 'test'))


def test_nothing_is_said_nothing_changes() -> None:
    cfg = small()
    cfg = unify_ignore_index(cfg)
    assert cfg.to_dict() == small().to_dict()
