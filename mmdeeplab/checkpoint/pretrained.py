"""``init_cfg=dict(type='Pretrained', ...)``: the weights fit, or training does not begin.

MMEngine loads such a file unsafely, takes what matches, even nothing, and goes on.
"""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from mmdeeplab.checkpoint.key_prefixes import unwrapped
from mmdeeplab.checkpoint.load import check_fit, read_checkpoint, require_weights
from mmdeeplab.errors import UserError

# What may be left over: the classifiers of networks trained on ImageNet. Nothing may be missing
# but counters, which training does not read.
CLASSIFIERS = ('fc.', 'head.', 'classifier.', 'last_linear.')
COUNTER = 'num_batches_tracked'


class Wish(NamedTuple):
    """A part of a network and the file that its config starts it from."""

    name: str
    module: nn.Module
    checkpoint: str
    prefix: str


def take_wishes(model: nn.Module) -> list[Wish]:
    """Take every ``Pretrained`` out of the modules' ``init_cfg``, so that MMEngine finds none."""
    return [wish for name, module in model.named_modules() for wish in _take(name, module)]


def _take(name: str, module: nn.Module) -> Iterator[Wish]:
    cfgs = getattr(module, 'init_cfg', None)
    if not cfgs:
        return
    rest = []
    for cfg in [cfgs] if isinstance(cfgs, dict) else cfgs:
        kind = cfg.get('type')
        if getattr(kind, '__name__', str(kind)).rpartition('.')[2] not in (
            'Pretrained',
            'PretrainedInit',
        ):
            rest.append(cfg)
            continue
        prefix = cfg.get('prefix') or ''
        if prefix and not prefix.endswith('.'):
            prefix += '.'
        yield Wish(name or 'model', module, cfg['checkpoint'], prefix)
    module.init_cfg = rest  # type: ignore[assignment]


def fulfil(wish: Wish) -> str:
    """Load the file; return what was done.

    Raises:
        UserError: Its tensors are not the module's.
    """
    own = wish.module.state_dict()
    state = read_checkpoint(wish.checkpoint)['state_dict']
    state = unwrapped(state, [f'{wish.prefix}{key}' for key in own], wish.checkpoint)
    require_weights(state, wish.checkpoint)
    cut = {k[len(wish.prefix) :]: v for k, v in state.items() if k.startswith(wish.prefix)}
    kept = {k: v for k, v in cut.items() if k in own or not k.startswith(CLASSIFIERS)}
    counters = {k: v for k, v in own.items() if k.endswith(COUNTER)}
    try:
        check_fit({**counters, **kept}, wish.module, wish.checkpoint)
    except UserError as error:
        found = f'{wish.name}.'
        hint = (
            f" A whole network? Add prefix='{found}'."
            if any(k.startswith(found) for k in cut)
            else ''
        )
        raise UserError(f'init_cfg of {wish.name}:{hint} {error}') from error
    wish.module.load_state_dict({**counters, **kept})
    return f'{wish.name} starts from {len(kept)} tensors of {wish.checkpoint}'
