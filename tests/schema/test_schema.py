"""Keys, options and classes that do not exist are refused; what exists passes."""

import json
import random
import re
from pathlib import Path

import mmseg
import pytest
from mmcv.transforms import RandomResize
from mmengine.config import Config
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.hooks import EMAHook
from mmengine.registry import HOOKS
from mmseg.models import FCNHead, TIMMBackbone
from places import ROOT
from robustness import typos
from tools_conftest import SMALL

from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.config.registered import arguments, find_class
from mmdeeplab.errors import UserError, edits, nearest

LEAVES = sorted([*(ROOT / 'configs').glob('*.py'), *(ROOT / 'configs').glob('ablation/*.py')])
MINI = ROOT / 'configs/deeplabv3plus_xception_mini-voc.py'


def load(path: Path, *options: str) -> object:
    return load_config(str(path), ConfigOptions(options))


class ToBase(FCNHead):
    def __init__(self, mine: int = 0, **kwargs: object) -> None:
        super().__init__(**kwargs)


class Popping(FCNHead):
    def __init__(self, **kwargs: object) -> None:
        self.mine = kwargs.pop('mine') if 'mine' in kwargs else kwargs.get('other')
        super().__init__(**kwargs)


class Storing(FCNHead):
    def __init__(self, **kwargs: object) -> None:
        super().__init__()
        self.kwargs = kwargs


class Calling(FCNHead):
    def __init__(self, **more: object) -> None:
        super().__init__()
        self.made = dict(**more)


@pytest.mark.parametrize(
    ('cls', 'any_are_right'),
    [
        (TIMMBackbone, True),
        (Storing, True),
        (Calling, True),
        (ToBase, False),
        (Popping, False),
        (FCNHead, False),
        (EMAHook, False),
        (MMEngineCheckpointHook, False),
        (RandomResize, False),
    ],
)
def test_arguments_that_a_constructor_passes_on(cls: type, any_are_right: bool) -> None:
    assert (arguments(cls) is None) == any_are_right


def test_classes_that_are_registered_after_a_first_config_are_found() -> None:
    """As in a notebook, where a class is written between two configs, and written again."""
    assert load(MINI).model
    try:
        for more in ({}, dict(new=1)):
            made = type('LateHook', (EMAHook,), more)
            HOOKS.register_module(name='LateHook', module=made, force=True)
            assert find_class('LateHook', ('custom_hooks',)) is made, more
    finally:
        HOOKS.module_dict.pop('LateHook')


def test_paramwise_cfg_has_the_keys_of_its_constructor(tmp_path: Path) -> None:
    paramwise = 'optim_wrapper.paramwise_cfg'
    decay = f'{paramwise}.num_layers=6', f'{paramwise}.decay_rate=0.9', f'{paramwise}.decay_type=a'
    layers = 'optim_wrapper.constructor=LearningRateDecayOptimizerConstructor'
    assert load(MINI, layers, *decay).optim_wrapper.paramwise_cfg.decay_rate == 0.9
    text = "paramwise_cfg=dict(num_layers=6, decay_rate=0.9, decay_type='stage_wise')"
    maker = "constructor='LearningRateDecayOptimizerConstructor', "
    child = f'_base_ = {str(MINI)!r}\noptim_wrapper = dict({{}}{text})\n'
    path = write(tmp_path / 'decay.py', child.format(maker))
    assert load(path, f'{paramwise}.decay_rate=0.8').optim_wrapper.paramwise_cfg.decay_rate == 0.8
    with pytest.raises(UserError, match='decay_rat is not a key'):
        load(path, f'{paramwise}.decay_rat=0.8')
    with pytest.raises(UserError, match='num_layers is not a key'):
        load(write(tmp_path / 'plain.py', child.format('')))


def test_settings_that_a_head_reads_are_keys(tmp_path: Path) -> None:
    """mmsegmentation's PointRend, as its config is published."""
    point_rend = 'point_rend/pointrend_r50_4xb2-80k_cityscapes-512x1024.py'
    path = Path(mmseg.__path__[0]) / '.mim/configs' / point_rend
    cfg = load(path, 'model.test_cfg.subdivision_steps=3', 'model.train_cfg.num_points=99')
    assert (cfg.model.test_cfg.subdivision_steps, cfg.model.train_cfg.num_points) == (3, 99)
    with pytest.raises(UserError, match='num_pointz is not a key'):
        load(path, 'model.train_cfg.num_pointz=3')
    for place in ('train_cfg.num_points', 'test_cfg.subdivision_steps'):
        with pytest.raises(UserError, match='is not a key'):
            load(MINI, f'model.{place}=3')  # its heads read none


def test_classes_of_albumentations_are_not_looked_up(tmp_path: Path) -> None:
    step = "dict(type='Albu', transforms=[dict(type='RandomGamma', p=0.5)])"
    text = f"""_base_ = {str(MINI)!r}
train_dataloader = dict(dataset=dict(pipeline=[*_base_.train_pipeline[:-1], {step}]))
"""
    assert load(write(tmp_path / 'albu.py', text)).train_dataloader.dataset.pipeline[-1].type


def test_a_variable_of_a_base_may_be_written_again_as_it_is(tmp_path: Path) -> None:
    text = f'_base_ = {str(MINI)!r}\nside = 5\nmodel = dict(neck=dict(rates=(side, 6, 7)))\n'
    write(tmp_path / 'base.py', text)
    head = "_base_ = './base.py'\n"
    assert load(write(tmp_path / 'same.py', f'{head}side = 5\n')).model.neck.rates[0] == 5
    with pytest.raises(UserError, match=r'side in .* has no effect: what .*base.py made of it'):
        load(write(tmp_path / 'other.py', f'{head}side = 3\n'))


def test_edits() -> None:
    """Against distances counted by hand."""
    words = [('cat', 'cat', 0), ('cat', 'at', 1), ('act', 'cat', 1), ('caat', 'cat', 1)]
    words += [('cut', 'cat', 1), ('', 'cat', 3), ('Cat', 'cat', 0.5), ('kitten', 'sitting', 3)]
    for a, b, distance in words:
        assert edits(a, b) == edits(b, a) == distance
    assert nearest('optim_wraper', ['optimizer', 'optim_wrapper']) == 'optim_wrapper'
    assert nearest('completely', ['different']) is None


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_every_config_passes(path: Path) -> None:
    assert load(path).model


def test_options_of_the_tests_and_of_the_documents_pass() -> None:
    load(MINI, *SMALL, 'tta_model.type=mmdeeplab.MultiScaleFlip', 'tta_model.scales=(0.75,1.0)')
    pages = [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]
    text = '\n'.join(page.read_text() for page in pages)
    lines = re.sub(r'.*\nerror: .*', '', text).splitlines()  # examples of what is refused
    after = ' '.join(line.partition('--cfg-options')[2] for line in lines)
    found = re.findall(r'\b((?:[a-z_0-9]+\.)+[a-z_]+=[^\s`\'",;]+)', after)
    assert len(found) >= 2
    for option in found:
        load(MINI, option)


@pytest.mark.parametrize(
    'option',
    [
        'optim_wrapper.clip_grad.max_norm=1',
        'model.auxiliary_head.type=FCNHead',
        'model.neck=None',
        'model.backbone.init_cfg.type=Pretrained',
        'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult=0.1',
        'log_processor.window_size=3',
        'train_cfg.val_begin=3',
        'test_evaluator.trimap=(3,5)',
        'visualizer.alpha=0.3',
        'randomness.deterministic=True',
        'crf.published=v2-r101',
        "custom_hooks=[{'type':'EMAHook','momentum':0.01}]",
        "custom_hooks=[{'type':'EMAHook','ema_type':'MomentumAnnealingEMA','gamma':9}]",
    ],
)
def test_legal_options_pass(option: str) -> None:
    load(MINI, option)


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('optim_wraper.optimizer.lr=0.5', 'did you mean optim_wrapper?'),
        ('val_evalutor.type=x', 'did you mean val_evaluator?'),
        ('randomnes.seed=5', 'did you mean randomness?'),
        ('lod_from=/x', 'did you mean load_from?'),
        ('model.test_cfg.mod=slide', 'did you mean mode?'),
        ('model.train_cfg.foo=1', 'foo is not a key of model.train_cfg'),
        ('env_cfg.cudnn_benchmrk=True', 'did you mean cudnn_benchmark?'),
        ('default_hooks.checkpoint.max_keep_ckpt=3', 'did you mean max_keep_ckpts?'),
        ('default_hooks.timr.type=IterTimerHook', 'did you mean timer?'),
        ('model.backbone.type=mmdeeplab.Xcepton', 'did you mean mmdeeplab.Xception?'),
        ('model.decode_head.type=ResNetV1C', 'did you mean ResNetV1c?'),
        ('model.backbone.type=os.system', 'there is no class os.system'),
        ('optim_wrapper.constructor=Foo', 'there is no class Foo'),
        ('optim_wrapper.optimizer.lr=1e-2x', "a number, got '1e-2x'"),
        ('resume=Flase', 'did you mean False?'),
        ('custom_hooks.7.type=x', 'items, so there is no 7'),
        ('model.backbone.depth.x=1', 'depth is 65'),
        ("custom_hooks=[dict(type='EMAHook')]", 'cannot be read'),
        ("custom_hooks=[{'type':'EMAHook','momentm':0.01}]", 'did you mean momentum?'),
        ('default_scope=mmdeeplab', 'mmseg, mmengine'),
        ('optim_wrapper.clip_grad.type=nrm', 'norm, value'),
        ('randomness.deterministic=maybe', "deterministic is True or False, got 'maybe'"),
        ('randomness.diff_rank_seed=Flase', 'did you mean False?'),
        ('val_dataloader.pin_memory=yes', 'pin_memory is True or False'),
        ('default_hooks.checkpoint.save_optimizer=no', 'save_optimizer is True or False'),
        ('default_hooks.checkpoint.async_save=on', 'async_save is True or False'),
        ('train_dataloader.dataset.follow_links=yes', 'follow_links is True or False'),
    ],
)
def test_wrong_options_are_refused(option: str, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)):
        load(MINI, option)


LOSS = 'model.decode_head.loss_decode'
NEW_CLASSES = [
    ('optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.dtype=bfloat16'),
    ('optim_wrapper.optimizer.type=SGD', 'optim_wrapper.optimizer.momentum=0.9'),
    (f'{LOSS}._delete_=True', f'{LOSS}.type=FocalLoss', f'{LOSS}.gamma=3.0'),
    (f"{LOSS}={{'_delete_': True, 'type': 'FocalLoss', 'gamma': 3.0}}",),
    ('model.decode_head.norm_cfg.type=GN', 'model.decode_head.norm_cfg.num_groups=4'),
    ('val_evaluator.type=IoUMetric', "val_evaluator.iou_metrics=['mDice']"),
]


@pytest.mark.parametrize('options', NEW_CLASSES, ids=lambda options: options[0])
def test_options_are_those_of_the_class_that_they_name(options: tuple[str, ...]) -> None:
    plus = MINI.with_name('deeplabv3plus_mobilenetv2_mini-voc.py')
    for given in (options, options[::-1]):
        if 'GN' in options[0]:  # whose momentum is BatchNorm's
            with pytest.raises(UserError, match=r'momentum .*norm_cfg\._delete_=True beside'):
                load(plus, *given)
        else:
            load(plus, *given)
    with pytest.raises(UserError, match='is no argument'):
        load(
            plus,
            options[-1]
            .replace('gamma', 'gama')
            .replace('dtype', 'dtyp')
            .replace('momentum', 'mometum')
            .replace('num_groups', 'num_group')
            .replace('iou_', 'io_'),
        )


INHERITED = [
    (LOSS, 'FocalLoss', 'avg_non_ignore'),
    ('optim_wrapper.optimizer', 'LBFGS', 'weight_decay'),
    ('param_scheduler.0', 'ConstantLR', 'power'),
    ('val_evaluator', 'DumpResults', 'trimap'),
    ('default_hooks.checkpoint', 'LoggerHook', 'save_best'),
    ('model.neck', 'FPN', 'rates'),
    ('train_cfg', 'ValLoop', 'val_interval'),
]


@pytest.mark.parametrize(('place', 'kind', 'argument'), INHERITED)
def test_an_inherited_argument_is_named_with_the_way_out(
    tmp_path: Path, place: str, kind: str, argument: str
) -> None:
    plus = MINI.with_name('deeplabv3plus_mobilenetv2_mini-voc.py')
    node: object = dict(type=kind)
    for step in reversed(place.split('.')[1:]):
        node = {step: node}
    extra = 'val_evaluator = dict(trimap=(3,))\n' if argument == 'trimap' else ''
    base = write(tmp_path / 'base.py', f'_base_ = {str(plus)!r}\n{extra}')
    child = f'_base_ = {str(base)!r}\n{place.split(".")[0]} = {node!r}\n'
    words = rf'{argument} is no argument of {kind}: .*_delete_=True beside the type'
    if not place.startswith('param_scheduler'):  # a list in a file replaces the base's
        with pytest.raises(UserError, match=words):
            load(write(tmp_path / 'child.py', child))
    with pytest.raises(UserError, match=words):
        load(base, f'{place}.type={kind}')


EPOCHS = 'train_cfg: {type: EpochBasedTrainLoop, max_epochs: 3}'
DATA_CHILDREN = [
    f'{EPOCHS}\nmodel: {{data_preprocessor: {{size: !!python/tuple [65, 65]}}}}\n',
    f'{EPOCHS}\nval_dataloader: {{batch_size: {{{{_base_.train_dataloader.batch_size}}}} }}\n',
    'model: {neck: {type: FPN, channels: 9}, data_preprocessor: {size: !!python/tuple [65, 65]}}\n',
]


@pytest.mark.parametrize('text', DATA_CHILDREN)
def test_a_data_file_is_told_from_its_base_whatever_it_holds(tmp_path: Path, text: str) -> None:
    load(MINI).dump(tmp_path / 'base.yaml')
    child = write(tmp_path / 'child.yaml', f'_base_: base.yaml\n{text}')
    if EPOCHS in text:
        assert load(child).train_cfg == dict(type='EpochBasedTrainLoop', max_epochs=3)
        return
    with pytest.raises(UserError, match=r'rates is no argument of FPN: .*_delete_=True beside'):
        load(child)


A_LIST = '_base_ is a file or a list of files, got'
BAD_FILES = [
    ('a.yaml', '_base_: 5', f'{A_LIST} 5'),
    ('a.json', '{"_base_": null}', f'{A_LIST} None'),
    ('a.yaml', '_base_: [5]', rf'{A_LIST} \[5\]'),
    ('a.py', '_base_ = 5', f'{A_LIST} 5'),
    ('a.py', '_base_ = [None]', rf'{A_LIST} \[None\]'),
    ('a.py', '_base_ = {[]: 1}', 'cannot be read: unhashable'),
    ('a.py', '_base_ = ' + '-' * 90000 + '1', 'cannot be read: .'),
    ('a.py', 'a = 1\0', 'cannot be read: .*null bytes'),
    ('a.py', 'custom_imports = 5', 'custom_imports is a dict .*, got 5'),
    ('a.yaml', 'custom_imports: [os]', 'cannot import modules'),
    ('a.yaml', 'custom_imports: {imports: 5}', 'cannot import modules: 5'),
    ('a.yaml', 'custom_imports: {imports: [[os]]}', 'cannot import modules'),
    ('a.yaml', 'custom_imports: mmdeeplab', "custom_imports is a dict .*, got 'mmdeeplab'"),
]


@pytest.mark.parametrize(('name', 'text', 'words'), BAD_FILES, ids=lambda text: text[:40])
def test_a_file_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        load(write(tmp_path / name, text + '\n'))


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


SIZED = """
crop_size = (33, 33)
steps = [*_base_.train_dataloader.dataset.pipeline]
steps[2] = dict(steps[2], crop_size=crop_size)
train_dataloader = dict(dataset=dict(pipeline=steps))
model = dict(data_preprocessor=dict(size=crop_size))
"""


def test_names_of_config_files_have_a_purpose(tmp_path: Path) -> None:
    base = f'_base_ = {str(MINI)!r}\n'
    good = write(tmp_path / 'good.py', base + 'n = 7\ntrain_dataloader = dict(batch_size=n)\n')
    cfg = load(good)
    assert cfg.train_dataloader.batch_size == 7
    assert 'n' not in cfg
    child = write(
        tmp_path / 'child.py',
        "_base_ = 'good.py'\nval_dataloader = dict(batch_size={{_base_.n}})\n",
    )
    assert load(child).val_dataloader.batch_size == 7
    stray = write(tmp_path / 'stray.py', base + 'optim_wraper = dict(optimizer=dict(lr=1))\n')
    with pytest.raises(UserError, match='did you mean optim_wrapper'):
        load(stray)
    sized = write(tmp_path / 'sized.py', base + SIZED)
    words = 'set train_dataloader.dataset.pipeline.2.crop_size, model.data_'
    with pytest.raises(UserError, match=re.escape(words)):
        load(sized, 'crop_size=(33,33)')
    again = write(tmp_path / 'again.py', "_base_ = 'sized.py'\ncrop_size = (65, 65)\n")
    with pytest.raises(UserError, match=r'has no effect: what .*sized\.py'):
        load(again)
    root = write(tmp_path / 'root.py', base + "data_root = 'mine'\n")
    with pytest.raises(UserError, match=r'--data-root DIR, or set train_dataloader\.dataset'):
        load(root)
    unread = write(tmp_path / 'unread.py', base + 'sides = (33, 33)\n')
    with pytest.raises(UserError, match='nothing in the files reads it'):
        load(unread)
    named = write(tmp_path / 'named.py', base + "extra_keys = ['mine']\nmine = 3\n")
    assert load(named).mine == 3


def test_a_dumped_config_is_a_config(tmp_path: Path) -> None:
    load(MINI).dump(tmp_path / 'dump.py')
    load(MINI).dump(tmp_path / 'dump.json')
    assert load(tmp_path / 'dump.py').model == load(MINI).model
    assert load(tmp_path / 'dump.json').model.neck.channels == 256


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_config_dumped_by_mmengine_is_a_config(path: Path, tmp_path: Path) -> None:
    """With the variables of its files, as mmseg's tools write it."""
    kind = ('py', 'json', 'yaml')[LEAVES.index(path) % 3]
    cfg = Config.fromfile(path)
    assert 'data_root' in cfg
    cfg.dump(tmp_path / f'dump.{kind}')
    got = load(tmp_path / f'dump.{kind}')
    assert 'data_root' not in got
    for key in ('backbone', 'neck', 'data_preprocessor'):
        one, other = (json.dumps(c.model.get(key), sort_keys=True) for c in (got, cfg))
        assert one == other


@pytest.mark.parametrize('suffix', ['py', 'json', 'yaml'])
def test_what_has_no_effect_in_a_dumped_config_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'dump.{suffix}'
    for changes in (dict(data_root='/elsewhere'), dict(resum=False), dict(optim_wraper=None)):
        cfg = Config.fromfile(MINI)
        cfg.merge_from_dict(changes)
        cfg.pop('resume')
        cfg.dump(path)
        with pytest.raises(UserError, match=next(iter(changes))):
            load(path)
    Config.fromfile(MINI).dump(path)
    child = write(tmp_path / 'child.py', f'_base_ = {path.name!r}\n')
    if suffix == 'py':
        child.write_text(child.read_text() + "val_dataloader = dict(dataset=dict(data_root='x'))\n")
        assert load(child).val_dataloader.dataset.data_root == 'x'


def test_typos_are_refused_with_the_right_word(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    random.seed(1)
    outcome = typos.run(40, tmp_path)
    assert outcome.tried == outcome.survived == 40, outcome.failures
    right = int(re.search(r'suggested for (\d+) of 40', capsys.readouterr().out)[1])
    assert right >= 36


def test_the_suite_finds_what_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typos, 'refusal', lambda config, options: None)
    monkeypatch.setattr(typos, 'KINDS', ('option', 'file', 'class'))
    assert typos.run(3, tmp_path).survived == 0
