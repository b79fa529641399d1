"""Convert timm's Aligned Xception 41, 65 and 71 with ImageNet weights, as backbones.

Names from `models/xception_aligned.py`. It numbers all blocks; ours are grouped in three flows.
"""

import re
from collections.abc import Iterator, Mapping

from mmdeeplab.errors import UserError
from mmdeeplab.models.backbones.xception import ENTRY_FLOW, MIDDLE_UNITS
from mmdeeplab.weights.converters.torch_layout import conv_norm, read_arrays
from mmdeeplab.weights.table import Array, Fitting, Rule, Table

read = read_arrays
LICENCE = 'Apache-2.0'

IGNORED = {'tensors of the ImageNet classifier': re.compile(r'^head\.fc\.')}
CONFIGS = {
    41: 'deeplabv3plus_xception41_voc',
    65: 'deeplabv3plus_xception_voc',
    71: 'deeplabv3plus_xception71_voc',
}


def xception_rules(depth: int, prefix: str = '', dot: str = r'\.') -> Iterator[Rule]:
    """Rules of Xception with names behind ``prefix``; ``dot`` (``_`` in smp) precedes numbers."""
    entry = len(ENTRY_FLOW[depth])
    middle = entry + MIDDLE_UNITS[depth]
    yield from conv_norm(rf'{prefix}stem{dot}(?P<i>\d)\.', 'backbone.stem.{i}', 'conv', 'bn')
    for flow, first, end in (
        ('entry_flow', 0, entry),
        ('middle_flow', entry, middle),
        ('exit_flow', middle, middle + 2),
    ):
        number = '|'.join(map(str, range(first, end)))
        block, ours = rf'{prefix}blocks{dot}(?P<b>{number})\.', f'backbone.{flow}.{{b-{first}}}'
        yield from conv_norm(rf'{block}shortcut\.', f'{ours}.shortcut', 'conv', 'bn')
        unit = rf'{block}stack\.conv(?P<j>\d)\.'
        for theirs, part in (('dw', 'depthwise'), ('pw', 'pointwise')):
            target = f'{ours}.sep{{j}}.{part}_conv'
            yield from conv_norm(unit, target, f'conv_{theirs}', f'bn_{theirs}')


def xception_depth(source: Mapping[str, Array], prefix: str = '', dot: str = r'\.') -> int | None:
    """Depth 41, 65 or 71, by the number of blocks; None for another network.

    Raises:
        UserError: It is one of the variants 41p and 65p, which normalise before they convolve.
    """
    pattern = re.compile(rf'{prefix}blocks{dot}(\d+)\.stack\.conv1\.conv_dw\.weight')
    blocks = [name for name in source if pattern.fullmatch(name)]
    depths = {len(ENTRY_FLOW[depth]) + units + 2: depth for depth, units in MIDDLE_UNITS.items()}
    if blocks and any(name.endswith('stack.conv2.norm.weight') for name in source):
        raise UserError(
            'these are weights of a pre-activation Xception (timm xception41p, 65p); DeepLab has '
            'none: take xception41, xception65 or xception71'
        )
    return depths.get(len(blocks))


def table_for(source: Mapping[str, Array]) -> Table:
    """The table for an Xception of the arrays' depth; for 65 if they are of another network."""
    depth = xception_depth(source) or 65
    name = f'timm, ImageNet Xception-{depth}'
    return Table(name, list(xception_rules(depth)), IGNORED, part='backbone')


def config_for(source: Mapping[str, Array]) -> Fitting | None:
    """The DeepLabv3+ on this backbone, or None."""
    config = CONFIGS.get(xception_depth(source) or 0)
    return Fitting(config) if config else None
