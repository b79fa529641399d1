"""Write docs/backbones_timm.md: ``python docs/make_backbones_timm.py [NAME ...]``.

Each network of timm is proved and counted once, which takes about an hour for all, and kept in
docs/backbones_timm.json; named ones are done again. Needs timm (`make env`).
"""

import json
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests' / 'models')]
DATA = ROOT / 'docs/backbones_timm.json'
PAGE = ROOT / 'docs/backbones_timm.md'
MARK = '<!-- made by docs/make_backbones_timm.py -->\n'
SIDE = 512  # of the image that is counted
LARGEST = 120e6  # parameters; larger networks are left out


def cost(model: object) -> int:
    """Multiply-adds of convolutions and matrix products for one image of 512 x 512."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from mmdeeplab.models.meta import run_on_meta

    with FlopCounterMode(display=False) as counter:
        run_on_meta(model, torch.empty(1, 3, SIDE, SIDE, device='meta'))
    return counter.get_total_flops() // 2


def row(name: str) -> dict | None:
    """What the table says of one network; None of one that is too large."""
    import torch
    from timm_proof import proved

    from mmdeeplab.errors import UserError
    from mmdeeplab.models.backbones.timm_backbone import TimmBackbone, family_of, import_timm

    with torch.device('meta'):
        whole = import_timm().create_model(name)
    if sum(p.numel() for p in whole.parameters()) > LARGEST:
        return None
    model = TimmBackbone(name)
    parameters = sum(p.numel() for p in model.parameters())
    found = dict(
        family=family_of(name),
        strides=model.strides,
        channels=model.channels,
        parameters=parameters,
        own=cost(model),
    )
    try:
        dense = TimmBackbone(name, output_stride=16 if model.output_stride != 16 else 8)
    except UserError:
        return found
    size = proved(name)
    return found | dict(at16=cost(dense), proof=size and f'{size[0]} x {size[1]}')


def collect(again: list[str]) -> dict[str, dict | None]:
    """All rows by name: those that are kept, and those that are not there or asked for."""
    from mmdeeplab.models.backbones.timm_backbone import FAMILIES, family_of
    from mmdeeplab.weights.reference_models import load

    rows = json.loads(DATA.read_text()) if DATA.is_file() else {}
    names = load('timm').list_models()
    for name in again or sorted(names, key=lambda name: family_of(name) not in FAMILIES):
        if name in rows and name not in again:
            continue
        try:
            rows[name] = row(name)
        except (AssertionError, RuntimeError, TypeError, IndexError) as error:
            print(f'{name}: {type(error).__name__}: {str(error)[:120]}', file=sys.stderr)
            rows[name] = None  # it takes images of one size
        DATA.write_text(json.dumps(rows, sort_keys=True, indent=0) + '\n')
    return rows


def line(name: str, found: dict) -> str:
    """One row of the table."""
    strides = '/'.join(map(str, found['strides']))
    channels = '/'.join(map(str, found['channels']))
    giga = f'{found["own"] / 1e9:.2f}'
    dense = f'{found["at16"] / 1e9:.2f}' if 'at16' in found else ''
    proof = (found['proof'] or 'not proved') if 'at16' in found else 'own stride only'
    numbers = f'{found["parameters"] / 1e6:.2f} | {giga} | {dense}'
    return f'| `{name}` | {strides} | {channels} | {proof} | {numbers} |\n'


def tables(rows: dict[str, dict | None]) -> str:
    """The rows by family."""
    families: dict[str, list[str]] = {}
    for name, found in sorted(rows.items()):
        if found:
            families.setdefault(found['family'], []).append(line(name, found))
    head = '| network | strides | channels | dense = nominal at | M | G, own | G, at 16 |\n'
    head += '|---|---|---|---|--:|--:|--:|\n'
    return '\n'.join(
        f'### {family}\n\n{head}{"".join(lines)}' for family, lines in families.items()
    )


if __name__ == '__main__':
    warnings.filterwarnings('ignore')
    made = tables(collect(sys.argv[1:]))
    PAGE.write_text(PAGE.read_text().partition(MARK)[0] + MARK + '\n' + made)
