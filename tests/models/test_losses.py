"""Void has no influence on any loss, and each loss is what its formula says."""

import copy
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.models import losses as upstream
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS as MMSEG
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.config.load import load_config
from mmdeeplab.config.shipped import CONFIGS
from mmdeeplab.errors import UserError
from mmdeeplab.models import losses  # also registers them
from mmdeeplab.models.losses.replace import OTHER_TARGETS, WHY, replace_losses
from mmdeeplab.registry import MODELS

WEIGHTS = [0.5, 2.0, 1.0]
FORMS: dict[str, list[dict]] = {
    'CrossEntropyLoss': [
        dict(use_sigmoid=sigmoid, reduction=reduction, class_weight=weights, avg_non_ignore=True)
        for sigmoid in (False, True)
        for reduction in ('mean', 'sum', 'none')
        for weights in (None, WEIGHTS)
    ],
    'FocalLoss': [
        dict(reduction=reduction, class_weight=weights, alpha=alpha)
        for reduction in ('mean', 'sum', 'none')
        for weights in (None, WEIGHTS)
        for alpha in (0.25, [0.3, 0.5, 0.9])
    ],
    'DiceLoss': [
        dict(use_sigmoid=sigmoid, reduction=reduction, naive_dice=naive)
        for sigmoid in (False, True)
        for reduction in ('mean', 'sum', 'none')
        for naive in (False, True)
    ],
    'LovaszLoss': [
        dict(),
        *(
            dict(per_image=True, reduction=reduction, class_weight=weights, classes=classes)
            for reduction in ('mean', 'sum', 'none')
            for weights in (None, WEIGHTS)
            for classes in ('present', 'all', [0, 2])
        ),
        dict(reduction='none', class_weight=WEIGHTS),
    ],
    'TverskyLoss': [dict(), dict(class_weight=WEIGHTS, alpha=0.5, beta=0.5)],
    'OhemCrossEntropy': [dict(min_kept=9), dict(thres=0.2, min_kept=5, class_weight=WEIGHTS)],
    'HuasdorffDisstanceLoss': [dict(), dict(class_weight=WEIGHTS)],
}
BINARY: list[dict] = [
    dict(type='CrossEntropyLoss', use_sigmoid=True),
    dict(type='CrossEntropyLoss', use_sigmoid=True, class_weight=[0.5, 2.0]),
    dict(type='CrossEntropyLoss'),
    dict(type='FocalLoss'),
    dict(type='FocalLoss', class_weight=[0.5, 2.0]),
    dict(type='DiceLoss'),
    dict(type='DiceLoss', use_sigmoid=False),
    dict(type='LovaszLoss', loss_type='binary'),
    dict(type='LovaszLoss', loss_type='binary', per_image=True),
    dict(type='LovaszLoss'),
    dict(type='TverskyLoss'),
    dict(type='OhemCrossEntropy', min_kept=9),
    dict(type='HuasdorffDisstanceLoss'),
]
MANY = [dict(type=name, **form) for name, forms in FORMS.items() for form in forms]
VOIDS = (255, 7, 0)


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope('mmseg')  # as every command; other tests leave another


def head(loss: object, **more: object) -> dict:
    size = dict(in_channels=4, in_index=0, channels=4, num_convs=0, concat_input=False)
    plain = dict(num_classes=3, dropout_ratio=0, loss_decode=loss)
    return dict(decode_head=dict(type='FCNHead', **{**size, **plain, **more}))


def as_configured(loss: dict, void: int = 255, **more: object) -> nn.Module:
    """The loss that a decode head gets from what a config says of it."""
    config = replace_losses(head(dict(loss), ignore_index=void, **more))[0]
    return MODELS.build(config['decode_head']['loss_decode'])


def images(classes: int, void: int, channels: int | None = None) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    labels = torch.randint(0, classes, (2, 6, 7))
    labels[labels == void] = classes - 1
    return torch.randn(2, channels or classes, 6, 7), labels


def cases() -> Iterator:
    for loss in MANY:
        for void in VOIDS:
            own = dict(ignore_index=void) if loss['type'] == 'DiceLoss' and void == 7 else {}
            yield pytest.param({**loss, **own}, void, 3, {}, id=f'{loss}-{void}')
    for loss in BINARY:
        yield pytest.param(loss, 255, 2, dict(num_classes=2, out_channels=1), id=f'{loss}-binary')


@pytest.mark.parametrize(('config', 'void', 'classes', 'more'), list(cases()))
def test_void_has_no_influence(config: dict, void: int, classes: int, more: dict) -> None:
    loss = as_configured(config, void, **more)
    logits, labels = images(classes, void, more.get('out_channels'))
    padded = torch.cat([logits, 9 * torch.randn_like(logits)], 3).requires_grad_()
    with_void = torch.cat([labels, torch.full_like(labels, void)], 2)
    value = loss(padded, with_void, weight=None, ignore_index=void)
    plain = logits.clone().requires_grad_()
    without = loss(plain, labels, weight=None, ignore_index=void)
    torch.testing.assert_close(value, without)
    value.mean().backward()
    without.mean().backward()
    assert plain.grad is not None
    assert padded.grad is not None
    assert not padded.grad[..., 7:].any()
    torch.testing.assert_close(padded.grad[..., :7], plain.grad)
    assert plain.grad.any()


@pytest.mark.parametrize(('config', 'void', 'classes', 'more'), list(cases()))
def test_a_batch_of_void_has_loss_zero(config: dict, void: int, classes: int, more: dict) -> None:
    loss = as_configured(config, void, **more)
    logits, labels = images(classes, void, more.get('out_channels'))
    logits.requires_grad_()
    value = loss(logits, torch.full_like(labels, void), weight=None, ignore_index=void).mean()
    value.backward()
    assert value == 0
    assert logits.grad is not None
    assert not logits.grad.any()
    half = labels.clone()
    half[1] = void
    half[0].view(-1)[1:] = void  # a single labelled pixel
    assert loss(logits, half, weight=None, ignore_index=void).isfinite().all()


def test_every_loss_of_mmseg_is_looked_at() -> None:
    """A loss that mmseg adds is put into one of the tables, or this fails."""
    package = upstream.__name__
    found = {
        cls
        for cls in MMSEG.module_dict.values()
        if inspect.isclass(cls) and cls.__module__.startswith(package)
    }
    assert len(found) == 10
    assert found == set(WHY) | set(OTHER_TARGETS)
    assert {cls.__name__ for cls in WHY} == set(FORMS)


def test_every_loss_of_ours_is_looked_at() -> None:
    names = [
        {name for name, cls in MODELS.module_dict.items() if cls is getattr(losses, each)}
        for each in losses.__all__
        if each.endswith(('Loss', 'Entropy'))
    ]
    assert len(names) >= len(FORMS)
    assert all(registered & FORMS.keys() for registered in names), names


def works_in_mmseg(config: dict) -> bool:
    """Whether mmseg's own takes class ids, these weights, and compares like with like."""
    weighed = config.get('use_sigmoid') and config.get('class_weight')
    return config['type'] in ('CrossEntropyLoss', 'DiceLoss', 'LovaszLoss', 'TverskyLoss') and (
        not weighed
    )


@pytest.mark.parametrize('config', [*filter(works_in_mmseg, MANY)], ids=str)
def test_mmsegs_value_where_there_is_no_void(config: dict) -> None:
    logits, labels = images(3, 255)
    config = dict(config)
    ours = as_configured(config)(logits, labels, weight=None, ignore_index=255)
    if config['type'] == 'LovaszLoss' and not config.get('per_image'):
        config['reduction'] = 'none'
    if config.get('class_weight'):
        config.pop('avg_non_ignore', None)
    theirs = getattr(upstream, config.pop('type'))(**config)(logits, labels, ignore_index=255)
    if theirs.ndim > 2:  # a map
        theirs = theirs.movedim(1, -1).flatten(0, 2) if theirs.ndim == 4 else theirs.flatten()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize('alpha', [0.25, [0.1, 0.5, 0.7]])
def test_focal_loss_is_its_formula(alpha: float | list) -> None:
    logits, labels = images(3, 255)
    loss = as_configured(dict(type='FocalLoss', alpha=alpha, gamma=3.0, class_weight=WEIGHTS))
    expected = []
    for n, row, column in np.ndindex(*labels.shape):
        for c in range(3):
            p = 1 / (1 + np.exp(-float(logits[n, c, row, column])))
            a = alpha[c] if isinstance(alpha, list) else alpha
            hit = labels[n, row, column] == c
            one = -a * (1 - p) ** 3 * np.log(p) if hit else -(1 - a) * p**3 * np.log(1 - p)
            expected.append(WEIGHTS[c] * one)
    assert loss(logits, labels) == pytest.approx(np.mean(expected), rel=1e-5)


def test_with_one_channel_alpha_is_that_of_class_one() -> None:
    logits, labels = torch.randn(2, 1, 4, 5), torch.randint(2, (2, 4, 5))
    one, both = (as_configured(dict(type='FocalLoss', alpha=a)) for a in (0.75, [0.25, 0.75]))
    assert torch.equal(both(logits, labels), one(logits, labels))


def test_a_batch_of_classes_without_weight_has_loss_zero() -> None:
    logits, labels = torch.randn(2, 3, 4, 5, requires_grad=True), torch.zeros(2, 4, 5).long()
    weights = [0.0, 1.0, 1.0]
    for source in (losses, upstream):
        loss = source.CrossEntropyLoss(class_weight=weights)(logits, labels)
        assert loss == 0
        (grad,) = torch.autograd.grad(loss, logits)
        assert not grad.any()


def test_hard_pixels_are_those_below_the_threshold_and_at_least_so_many() -> None:
    logits, labels = images(3, 255)
    each = F.cross_entropy(logits, labels, reduction='none').flatten().sort(descending=True)[0]
    for threshold, least in ((0.3, 2), (0.05, 20), (1.0, 5), (0.0, 1000)):
        loss = as_configured(dict(type='OhemCrossEntropy', thres=threshold, min_kept=least))
        count = max(int((each > -np.log(max(threshold, 1e-9))).sum()), min(least, len(each)))
        torch.testing.assert_close(loss(logits, labels), each[:count].mean())


def test_hausdorff_is_mmsegs_for_two_classes() -> None:
    logits, labels = images(2, 255)
    theirs = upstream.HuasdorffDisstanceLoss()(logits, labels)
    torch.testing.assert_close(
        as_configured(dict(type='HuasdorffDisstanceLoss'))(logits, labels), theirs
    )


def test_hausdorff_is_its_formula_with_void_between() -> None:
    logits, labels = images(3, 255)
    labels[:, 2:4, 3:5] = 255
    p, keep = logits.softmax(1), labels != 255
    points = np.argwhere(np.ones(labels.shape[1:]))

    def depth(region: Tensor, n: int, point: np.ndarray) -> float:
        outside = [q for q in points if keep[n][tuple(q)] and not region[tuple(q)]]
        inside = keep[n][tuple(point)] and region[tuple(point)]
        return min(((point - q) ** 2).sum() for q in outside) if inside else 0.0

    total = 0.0
    for c in (1, 2):
        terms = [
            float((p[n, c][tuple(q)] - float(labels[n][tuple(q)] == c)) ** 2)
            * (depth(labels[n] == c, n, q) + depth(p[n].argmax(0) == c, n, q))
            for n in range(2)
            for q in points
            if keep[n][tuple(q)]
        ]
        total += WEIGHTS[c] * np.mean(terms)
    loss = as_configured(dict(type='HuasdorffDisstanceLoss', class_weight=WEIGHTS))
    assert loss(logits, labels) == pytest.approx(total / 3, rel=1e-5)


@pytest.mark.parametrize('config', BINARY, ids=str)
def test_one_channel_learns_class_one(config: dict) -> None:
    """A step down the gradient raises the logit of class 1 and lowers that of class 0."""
    loss = as_configured(config, num_classes=2, out_channels=1)
    labels = torch.zeros(1, 6, 6, dtype=torch.long)
    labels[:, 2:4, 2:4] = 1
    logits = torch.full((1, 1, 6, 6), 0.1, requires_grad=True)
    loss(logits, labels, weight=None, ignore_index=255).backward()
    assert logits.grad is not None
    up, down = logits.grad[0, 0][labels[0] == 1], logits.grad[0, 0][labels[0] == 0]
    assert up.mean() < 0
    if config['type'] != 'OhemCrossEntropy':  # which may take none of class 0
        assert down.mean() >= 0


def test_one_channel_takes_two_labels() -> None:
    logits, labels = images(3, 255, 1)
    with pytest.raises(UserError, match='takes the labels 0 and 1, the masks have 2'):
        as_configured(dict(type='DiceLoss'), num_classes=2, out_channels=1)(logits, labels)


def test_weight_zero_is_left_out_and_maps_are_of_pixels() -> None:
    """What mmseg's OHEMPixelSampler asks of a loss."""
    logits, labels = images(3, 255)
    weight = torch.randint(0, 2, labels.shape).float()
    masked = torch.where(weight > 0, labels, 255)
    for name in ('DiceLoss', 'TverskyLoss', 'LovaszLoss', 'OhemCrossEntropy'):
        loss = as_configured(dict(type=name))
        torch.testing.assert_close(loss(logits, labels, weight=weight), loss(logits, masked))
    for config in (dict(type='FocalLoss'), dict(type='CrossEntropyLoss', use_sigmoid=True)):
        each = as_configured(config)(logits, masked, reduction_override='none', ignore_index=255)
        assert each.shape == labels.shape
        assert not each[masked == 255].any()


CLASSES = list(FORMS)


@pytest.mark.parametrize('prefix', ['', 'mmseg.'])
@pytest.mark.parametrize('name', CLASSES)
def test_a_bare_name_is_ours(name: str, prefix: str) -> None:
    config = head([dict(type=prefix + name), dict(type='DiceLoss')])
    before = copy.deepcopy(config)
    config, notices = replace_losses(config)
    assert config['decode_head']['loss_decode'][0]['type'] == f'mmdeeplab.{name}'
    assert f'model.decode_head.loss_decode.0: {name} is mmdeeplab.{name}' in notices[0]
    assert before['decode_head']['loss_decode'][0]['type'] == prefix + name
    assert replace_losses(config)[0] == config


@pytest.mark.parametrize('place', ['decode_head', 'auxiliary_head', 'auxiliary_head.1'])
@pytest.mark.parametrize('name', CLASSES)
def test_whoever_builds_our_segmentor_gets_ours(name: str, place: str) -> None:
    """Also MMEngine's Runner, ``init_model`` and a training script of one's own."""
    plain = head(dict(type='CrossEntropyLoss'))['decode_head']
    losses = head(dict(type=name))['decode_head']
    heads = dict(decode_head=plain, auxiliary_head=[plain, losses])
    if '.' not in place:
        heads = {**dict(decode_head=plain), place: losses}
    backbone = dict(type='mmdeeplab.AtrousVGG16', output_stride=8)
    model = MMSEG.build(dict(type='mmdeeplab.EncoderDecoder', backbone=backbone, **heads))
    assert type(model.get_submodule(place).loss_decode) is MODELS.get(name)


@pytest.mark.parametrize('loss', [dict(avg_non_ignore=True), dict(class_weight=WEIGHTS)], ids=str)
def test_a_right_cross_entropy_stays(loss: dict) -> None:
    config = head(dict(type='CrossEntropyLoss', **loss))
    assert replace_losses(config) == (config, [])


def test_class_weights_are_no_reason_for_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    cfg = load_config(str(CONFIGS / 'deeplabv3plus_mobilenetv2-coral_camvid.py'))
    loss = MODELS.build(cfg.model.decode_head.loss_decode)
    assert type(loss) is upstream.CrossEntropyLoss
    assert loss.class_weight
    assert not [str(warning.message) for warning in recwarn]


def test_the_default_of_a_head_averages_over_labels() -> None:
    config = head(None)
    del config['decode_head']['loss_decode']
    model, notices = replace_losses(config)
    assert model['decode_head']['loss_decode'] == dict(type='CrossEntropyLoss', avg_non_ignore=True)
    assert not notices


class HeadWithLoss(FCNHead):
    """A user's head with a loss of its own."""

    def __init__(
        self, loss_decode: dict = dict(type='CrossEntropyLoss', loss_weight=2.0), **kwargs: Any
    ) -> None:
        super().__init__(loss_decode=loss_decode, **kwargs)


class FixedLoss(FCNHead):
    """A user's head that gives the base class a loss of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(loss_decode=dict(type='DiceLoss'), **kwargs)


class FewArguments(FCNHead):
    """A user's head with the arguments that its author needs."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(in_channels=4, channels=4, num_classes=num_classes)


@pytest.mark.parametrize('cls', [FixedLoss, FewArguments])
def test_a_head_that_takes_no_loss_is_built_with_its_own(cls: type) -> None:
    config = dict(type=cls, num_classes=3)
    config |= dict(in_channels=4, channels=4) if cls is FixedLoss else {}
    model, (notice,) = replace_losses(dict(decode_head=config))
    assert f'{cls.__name__} takes no loss_decode' in notice
    built = MODELS.build(model['decode_head'])
    wanted = 'DiceLoss' if cls is FixedLoss else 'CrossEntropyLoss'
    assert type(built.loss_decode).__name__ == wanted


def test_a_misspelt_loss_is_named() -> None:
    with pytest.raises(UserError, match='no class CrossEntropyLos; did you mean CrossEntropyLoss'):
        replace_losses(head(dict(type='CrossEntropyLos')))


def test_the_own_default_of_a_head_averages_over_labels_too() -> None:
    model, notices = replace_losses(dict(decode_head=dict(type=HeadWithLoss, num_classes=3)))
    wanted = dict(type='mmdeeplab.CrossEntropyLoss', loss_weight=2.0)
    assert model['decode_head']['loss_decode'] == wanted
    assert len(notices) == 1


def test_averaging_over_void_is_told() -> None:
    loss = dict(type='CrossEntropyLoss', avg_non_ignore=False)
    _, (notice,) = replace_losses(head(loss))
    assert 'divides by void pixels too' in notice
    logits, labels = images(3, 255)
    masked = labels.clone()
    masked[0] = 255
    theirs = upstream.CrossEntropyLoss()(logits, masked, ignore_index=255)
    torch.testing.assert_close(as_configured(loss)(logits, masked, ignore_index=255), theirs)


@pytest.mark.parametrize('name', [cls.__name__ for cls in OTHER_TARGETS])
def test_losses_of_other_targets_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f'decode_head.loss_decode: {name} compares .* FocalLoss'):
        replace_losses(head(dict(type=name)))


@pytest.mark.parametrize(
    ('loss', 'more', 'said'),
    [
        (dict(type='DiceLoss'), dict(sampler=dict(type='OHEMPixelSampler')), 'sampler.thresh'),
        (
            dict(type='CrossEntropyLoss', use_sigmoid=True),
            dict(sampler=dict(type='OHEMPixelSampler', thresh=0.7), num_classes=2, out_channels=1),
            'leave thresh out',
        ),
    ],
)
def test_a_sampler_that_cannot_work_is_refused(loss: dict, more: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        replace_losses(head(loss, **more))


def test_a_name_that_two_share_is_told() -> None:
    pair = [dict(type='mmdeeplab.DiceLoss'), dict(type='mmdeeplab.DiceLoss', use_sigmoid=False)]
    _, (notice,) = replace_losses(head(pair))
    assert '2 losses are called loss_dice' in notice
    pair[0]['loss_name'] = 'loss_first'
    assert replace_losses(head(pair))[1] == []


def test_arguments_without_effect_are_refused() -> None:
    for loss, said in (
        (dict(type='LovaszLoss', loss_type='binary', class_weight=WEIGHTS), 'no class_weight'),
        (dict(type='CrossEntropyLoss', use_mask=True), 'masks of objects'),
        (dict(type='FocalLoss', use_sigmoid=False), 'sigmoid form only'),
        (dict(type='FocalLoss', reduction='median'), 'reduction must be one of'),
    ):
        with pytest.raises((ValueError, AssertionError), match=said):
            as_configured(loss)
