"""Replace mmseg's losses in a config by ours, and check the losses of its decode heads."""

import copy
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from mmseg.models import losses as upstream
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses.kldiv_loss import KLDivLoss
from mmseg.registry import MODELS

from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.models.decode_heads.accuracy import LossWithAccuracy
from mmdeeplab.models.decode_heads.shrunk_label import ShrunkLabelLoss
from mmdeeplab.models.losses.pixel import PixelLoss

Node = MutableMapping[str, Any]
WHY: dict[type, str] = {
    upstream.CrossEntropyLoss: 'it averages over pixels that have a label',
    upstream.DiceLoss: "mmsegmentation's counts void",
    upstream.FocalLoss: "mmsegmentation's does not take class ids",
    upstream.HuasdorffDisstanceLoss: "mmsegmentation's counts void",
    upstream.LovaszLoss: "mmsegmentation's gives NaN without a label",
    upstream.OhemCrossEntropy: "mmsegmentation's does not fit decode heads",
    upstream.TverskyLoss: "mmsegmentation's does not know the head's ignore_index",
}
OTHER_TARGETS = {
    upstream.BoundaryLoss: 'edge maps',
    upstream.SiLogLoss: 'depths',
    KLDivLoss: 'logits with logits',
}
PLAIN = (
    BaseDecodeHead.loss_by_feat,
    LossWithAccuracy.loss_by_feat,
    ShrunkLabelLoss.loss_by_feat,
)
CHOICE = ', '.join(cls.__name__ for cls in WHY)


def replace_losses(model: Node) -> tuple[Node, list[str]]:
    """Replace the losses of a model's config on which void pixels have an influence.

    Args:
        model: ``cfg.model``; it is not changed.

    Returns:
        A copy of ``model`` in which each loss of mmseg that void would change, or that would fail,
        is our class of the same name and arguments. And sentences for the log: which losses were
        replaced, and which share a name.

    Raises:
        UserError: A loss does not compare logits with class ids, or does not fit its head.
    """
    model = copy.deepcopy(model)
    notices: list[str] = []
    for path, head in list(_dicts(model, 'model')):
        cls = _class(head)
        if inspect.isclass(cls) and BaseDecodeHead in cls.__mro__:
            if 'loss_decode' not in head and not _takes_a_loss(cls):
                notices.append(
                    f'{path}: {cls.__name__} takes no loss_decode, so its own loss is used as it '
                    'is; by default that of mmsegmentation divides by void pixels, too'
                )
                continue
            head.setdefault('loss_decode', _default_loss(cls))
            for where, loss in _dicts(head['loss_decode'], f'{path}.loss_decode'):
                notices += _replace(where, loss, head)
            if getattr(cls, 'loss_by_feat', None) in PLAIN:
                notices += _check(path, head)
    return model, notices


def _dicts(node: object, path: str) -> Iterator[tuple[str, Node]]:
    if isinstance(node, MutableMapping):
        yield path, node
    items = node.items() if isinstance(node, MutableMapping) else ()
    if isinstance(node, (list, tuple)):
        items = enumerate(node)  # type: ignore[assignment]
    for key, value in items:
        yield from _dicts(value, f'{path}.{key}')


def _class(node: Node) -> Any:
    name = node.get('type')
    return MODELS.get(name) if isinstance(name, str) else name


def _takes_a_loss(head: type) -> bool:
    """Whether the constructor of a decode head takes ``loss_decode``, itself or as ``**kwargs``.

    It does not if it takes no such argument, or gives the base class a loss of its own.
    """
    for cls in head.__mro__[: head.__mro__.index(BaseDecodeHead)]:
        if '__init__' not in vars(cls):
            continue
        parameters = _parameters(cls)
        if 'loss_decode' in parameters:
            return True
        code = getattr(vars(cls)['__init__'], '__code__', None)
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        # names of arguments in calls are constants, one by one or in tuples
        if not takes_any or 'loss_decode' in repr(code and code.co_consts):
            return False
    return True


def _default_loss(head: type) -> Any:
    """A decode head's own default of ``loss_decode``; for that of mmseg's base class, our form."""
    for cls in head.__mro__[: head.__mro__.index(BaseDecodeHead)]:
        if 'loss_decode' in _parameters(cls):
            return copy.deepcopy(_parameters(cls)['loss_decode'].default)
    return dict(type='CrossEntropyLoss', avg_non_ignore=True)


def _replace(path: str, loss: Node, head: Node) -> Iterator[str]:
    cls = _class(loss)
    if cls not in WHY or (cls is upstream.CrossEntropyLoss and _is_right(loss, head)):
        return
    name = cls.__name__
    why = WHY[cls]
    if loss.get('avg_non_ignore') is False and loss.get('class_weight') is None:
        why = 'avg_non_ignore=False divides by void pixels too: the more void, the smaller the loss'
    loss['type'] = f'mmdeeplab.{name}'
    yield f'{path}: {name} is mmdeeplab.{name}; {why}'


def _is_right(loss: Node, head: Node) -> bool:
    """Whether mmseg's cross entropy works with these arguments and is not changed by void."""
    plain = not loss.get('use_sigmoid') and loss.get('reduction', 'mean') == 'mean'
    averaged = bool(loss.get('avg_non_ignore')) != (loss.get('class_weight') is not None)
    return plain and averaged and not loss.get('use_mask') and head.get('out_channels') != 1


def _check(path: str, head: Node) -> Iterator[str]:
    """Refuse losses that do not fit the head; yield a sentence for each name that several share."""
    given = head['loss_decode']
    losses: list[Node] = list(given) if isinstance(given, (list, tuple)) else [given]
    classes = [_class(loss) for loss in losses]
    for loss, cls in zip(losses, classes, strict=True):
        if cls is None:
            name = str(loss.get('type'))
            hint = did_you_mean(name, MODELS.module_dict)
            raise UserError(f'{path}.loss_decode: there is no class {name}{hint}')
        if cls in OTHER_TARGETS:
            raise UserError(
                f'{path}.loss_decode: {cls.__name__} compares {OTHER_TARGETS[cls]}, not logits '
                f'with class ids: take one of {CHOICE}'
            )
    sampler = head.get('sampler') or {}
    if sampler.get('type') == 'OHEMPixelSampler':
        _check_sampler(f'{path}.sampler', sampler, head, classes)
    names = Counter(
        loss.get('loss_name', _default_name(cls)) for loss, cls in zip(losses, classes, strict=True)
    )
    for name, count in names.items():
        if count > 1:
            yield (
                f'{path}.loss_decode: {count} losses are called {name}, and the log shows their '
                'sum: give each a loss_name'
            )


def _check_sampler(path: str, sampler: Node, head: Node, classes: list[Any]) -> None:
    pixelwise = all(issubclass(cls, (PixelLoss, upstream.CrossEntropyLoss)) for cls in classes)
    if sampler.get('thresh') is None and not pixelwise:
        raise UserError(
            f'{path}: without thresh it needs a loss of each pixel, CrossEntropyLoss or FocalLoss: '
            f'set {path}.thresh'
        )
    if sampler.get('thresh') is not None and head.get('out_channels') == 1:
        raise UserError(
            f'{path}.thresh looks at a softmax, which a head with out_channels=1 has not: leave '
            'thresh out'
        )


def _default_name(cls: type) -> object:
    for base in cls.__mro__:
        if 'loss_name' in _parameters(base):
            return _parameters(base)['loss_name'].default
    return cls.__name__


def _parameters(cls: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls.__init__).parameters
