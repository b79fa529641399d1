"""Load ``init_cfg=dict(type='Pretrained', ...)`` strictly: the weights must fit.

MMEngine would unpickle such a file unsafely, load whatever matches, even nothing, and go on.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import nn

from mmdeeplab.checkpoint.key_prefixes import unwrapped
from mmdeeplab.checkpoint.load import check_fit, read_checkpoint, require_weights
from mmdeeplab.checkpoint.mismatch import COUNTER
from mmdeeplab.errors import UserError

# What may be left over: the classifiers of networks trained on ImageNet. Nothing may be missing
# but counters, which training does not read.
CLASSIFIERS = ('fc.', 'head.', 'classifier.', 'last_linear.')


class PretrainedSpec(NamedTuple):
    """A part of a network, and the file of pre-trained weights that its config names."""

    name: str
    module: nn.Module
    checkpoint: str
    prefix: str


def pop_pretrained_cfg(model: nn.Module) -> list[PretrainedSpec]:
    """Remove every ``Pretrained`` from the modules' ``init_cfg``, so that MMEngine finds none."""
    return [spec for name, module in model.named_modules() for spec in _pop(name, module)]


def loads_weights(init_cfg: object) -> bool:
    """Whether an ``init_cfg``, a dict or a list of them, reads a file of weights."""
    if isinstance(init_cfg, (list, tuple)):
        return any(map(loads_weights, init_cfg))
    initializer = init_cfg.get('type') if isinstance(init_cfg, Mapping) else None
    name = getattr(initializer, '__name__', str(initializer))
    return name.rpartition('.')[2] in ('Pretrained', 'PretrainedInit')


def _pop(name: str, module: nn.Module) -> Iterator[PretrainedSpec]:
    cfgs = getattr(module, 'init_cfg', None)
    if not cfgs:
        return
    rest = []
    for cfg in [cfgs] if isinstance(cfgs, dict) else cfgs:
        if not loads_weights(cfg):
            rest.append(cfg)
            continue
        prefix = cfg.get('prefix') or ''
        if prefix and not prefix.endswith('.'):
            prefix += '.'
        yield PretrainedSpec(name or 'model', module, cfg['checkpoint'], prefix)
    module.init_cfg = rest  # type: ignore[assignment]


def load_pretrained(spec: PretrainedSpec) -> str:
    """Load the pre-trained weights of a part; return a sentence about it.

    If the part contains another project's network, its attribute ``names_behind`` is the prefix of
    that network's names, and ``unused_tensors`` are tensors of the file that it does not use.

    Raises:
        UserError: The file's tensors are not those of the part.
    """
    initial = spec.module.state_dict()
    state = read_checkpoint(spec.checkpoint)['state_dict']
    state = unwrapped(state, [f'{spec.prefix}{key}' for key in initial], spec.checkpoint)
    require_weights(state, spec.checkpoint)
    cut = {k[len(spec.prefix) :]: v for k, v in state.items() if k.startswith(spec.prefix)}
    inner = getattr(spec.module, 'names_behind', '')
    if inner and not any(key.startswith(inner) for key in cut):
        cut = {f'{inner}{key}': value for key, value in cut.items()}
    unused = getattr(spec.module, 'unused_tensors', ())
    weights = {
        k: v
        for k, v in cut.items()
        if k in initial
        or not (k.removeprefix(inner).startswith(CLASSIFIERS) or k.removeprefix(inner) in unused)
    }
    counters = {k: v for k, v in initial.items() if k.endswith(COUNTER)}
    try:
        check_fit({**counters, **weights}, spec.module, spec.checkpoint)
    except UserError as error:
        part = f'{spec.name}.'
        hint = (
            f" A whole network? Add prefix='{part}'."
            if any(k.startswith(part) for k in cut)
            else ''
        )
        raise UserError(f'init_cfg of {spec.name}:{hint} {error}') from error
    spec.module.load_state_dict({**counters, **weights})
    return f'{spec.name} starts from {len(weights)} tensors of {spec.checkpoint}'
