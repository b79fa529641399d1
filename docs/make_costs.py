"""Write docs/costs.md: ``python docs/make_costs.py``. Counts are made on the real modules."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests' / 'models')]

HEAD = """# Parameters and multiply-adds

Made by `python docs/make_costs.py` from the rows of `tests/models/costs.py`, which tests assert.
Everything is counted on the real modules for one image of 513 x 513: parameters are convolution
weights, biases, gamma and beta; multiply-adds are those of convolutions. TensorFlow runs atrous
convolutions (other than depthwise ones) by padding the map to a multiple of the rate, and its
published figures count that padding: the column "with TF's padding". 21 classes unless said.

| network | parameters | multiply-adds (G) | with TF's padding (G) | published |
|---|--:|--:|--:|---|
"""


class Cost(NamedTuple):
    """Parameters, and multiply-adds without and with the padding of TF's atrous convolutions."""

    parameters: int
    multiply_adds: int
    padded: int


def cost(config: str, options: dict[str, Any]) -> Cost:
    """Of the network of ``configs/CONFIG.py`` with some settings changed, counted once."""
    return _cost(config, json.dumps(options))


@cache
def _cost(config: str, options: str) -> Cost:
    import torch
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    from mmdeeplab.models.analysis import multiply_adds, parameters

    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    cfg.merge_from_dict(json.loads(options))
    init_default_scope('mmseg')
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    counts = (multiply_adds(model, (1, 3, 513, 513), flag) for flag in (False, True))
    return Cost(parameters(model), *(sum(count.values()) for count in counts))


def line(config: str, options: dict, published: str) -> str:
    """One row of the table."""
    found = cost(config, options)
    plain, padded = found.multiply_adds / 1e9, found.padded / 1e9
    changes = ', '.join(f'{k.removeprefix("model.")}={v}' for k, v in options.items())
    title = f'`{config}`' + (f'<br>{changes}' if changes else '')
    return f'| {title} | {found.parameters:,} | {plain:.2f} | {padded:.2f} | {published} |\n'


def page() -> str:
    """The whole page."""
    from costs import MODELS, PUBLISHED

    printed = {}
    for config, options, mega, giga in PUBLISHED:
        words = [f'{mega} M' if mega else '', f'{giga:.2f} G' if giga else '']
        printed[config, str(options)] = ', '.join(filter(None, words))
    rows = {(config, str(options)): (config, options) for config, options, *_ in MODELS + PUBLISHED}
    lines = [line(*row, printed.get(key, '')) for key, row in sorted(rows.items())]
    return HEAD + ''.join(lines)


if __name__ == '__main__':
    (ROOT / 'docs' / 'costs.md').write_text(page())
