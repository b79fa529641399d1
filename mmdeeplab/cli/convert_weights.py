"""Bring weights of another project into a model of ours; docs/weights.md has every source."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import command, datasets, load_config, quiet_imports
from mmdeeplab.config.shipped import CONFIGS
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import Tensor

    from mmdeeplab.weights.table import Array, Table

PICKLED = ('torchvision', 'timm', 'smp', 'mmseg', 'hf')  # whose files can hold code
SOURCES = ('tf', 'tflite', 'caffe', *PICKLED)
TRUST = (
    '--trust: %s is unpickled without restrictions; code that someone put into it runs now, with '
    'all that you may do on this machine'
)
STATISTICS = ('running_mean', 'running_var', 'num_batches_tracked')
DEFAULT = 'deeplabv3plus_xception_voc'  # where the arrays do not say which network they are of


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='convert_weights.py', description=__doc__)
    parser.add_argument('source', choices=SOURCES, help='where the weights come from')
    parser.add_argument(
        'input',
        help='TF checkpoint prefix (DIR/model.ckpt) or frozen .pb, .tflite, .caffemodel, .pth, '
        '.bin, .safetensors, .npz of arrays',
    )
    parser.add_argument('output', help='.safetensors, or .pth')
    parser.add_argument(
        '--config', '--cfg', help='the model to fill (by default the one that the weights are of)'
    )
    parser.add_argument(
        '--classes', metavar='FILE|NAME', help='names of the classes: one a line, or voc, ade, ...'
    )
    parser.add_argument('--licence', metavar='TEXT', help='licence of the weights, to be kept')
    parser.add_argument(
        '--check',
        nargs='?',
        const='',
        metavar='PICTURE',
        help="run the other project's network beside ours, on a picture (on noise)",
    )
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override any setting'
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='load a pickled file that torch refuses because it could run code: it may run it',
    )
    parser.add_argument('--output-stride', type=int, metavar='N', help=argparse.SUPPRESS)
    parser.set_defaults(data_root=None, launcher='none')
    return parser


def convert_weights(args: argparse.Namespace) -> None:
    """Read, convert by the source's strict table, write, compare."""
    output, path = Path(args.output), Path(args.input)
    if output.suffix not in ('.safetensors', '.pth'):
        raise UserError(f'OUT must end in .safetensors or .pth, got {args.output}')
    quiet_imports()
    importer = importlib.import_module(f'mmdeeplab.weights.converters.{args.source}')
    arrays = importer.read(path, **trust(args))
    table = importer.table_for(arrays)
    named = importer.config_for(arrays) if hasattr(importer, 'config_for') else None
    cfg, options = choose_config(args, arrays, table, named)
    model = build(cfg)
    if hasattr(importer, 'adapt'):
        arrays = importer.adapt(arrays, model)
        table = importer.table_for(arrays)
    state = fill(model, arrays, table, hint(args, named, options))
    write(output, state, metadata(args, importer, cfg, options, table.part))
    part = '' if table.part == 'model' else f' of the {table.part}'
    count = sum(v.numel() for k, v in state.items() if not k.endswith(STATISTICS))
    print(f'{args.output}: {len(state)} tensors{part}, {count:,} trainable values, {args.config}')
    for key, value in options.items():
        print(f'with {key}={value}')
    for what, names in table.sort_out(arrays).items():
        print(f'ignored: {len(names)} {what}')
    if args.check is not None:
        from mmdeeplab.weights.parity import report

        for line in report(args.source, cfg, arrays, path, state, table.part, args.check or None):
            print(line)


def choose_config(
    args: argparse.Namespace, arrays: Mapping[str, Array], table: Table, named: str | None
) -> tuple[Config, dict[str, object]]:
    """The config to fill, and what had to be set in it for the source's classes.

    A config that the user names is taken as it is.
    """
    from mmdeeplab.weights.provenance import config_options

    own = args.config is not None
    if not own:
        local = Path('configs', f'{named or DEFAULT}.py')
        args.config = str(local if local.is_file() else CONFIGS / local.name)
    cfg = load_config(args.config, args)
    options = config_options(arrays, table, cfg)
    if not own:
        cfg.merge_from_dict(options)
    return cfg, options


def hint(args: argparse.Namespace, named: str | None, options: dict[str, object]) -> str:
    """What to give instead of a config that does not fit."""
    if named is None:
        return ''
    wanted = ''.join(f' {key}={value}' for key, value in options.items())
    return f'\nThese weights are of --config configs/{named}.py' + (
        f' --cfg-options{wanted}' if wanted else ''
    )


def build(cfg: Config) -> dict[str, Tensor]:
    """The state dict of the config's model, to be filled."""
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    init_default_scope(cfg.default_scope)
    return MODELS.build(cfg.model).state_dict()


def fill(
    model: dict[str, Tensor], arrays: dict[str, Array], table: Table, advice: str
) -> dict[str, Tensor]:
    """The state dict for the model; an error ends with ``advice``."""
    from mmdeeplab.weights.table import convert

    try:
        return convert(arrays, table, model)
    except UserError as error:
        raise UserError(f'{error}{advice}') from error


def metadata(
    args: argparse.Namespace, importer: ModuleType, cfg: Config, options: dict, part: str
) -> dict[str, object]:
    """What the file says of itself."""
    from mmdeeplab.weights.provenance import class_names, input_digest

    count = cfg.model.decode_head.num_classes if part == 'model' else None
    known = getattr(importer, 'NAMES_CLASSES', True)
    root = next((dataset.data_root for dataset in datasets(cfg, 'test')), None) if known else None
    return dict(
        source=args.source,
        input=Path(args.input).name,
        sha256=input_digest(Path(args.input)),
        config=Path(args.config).name,
        cfg_options=[*args.cfg_options, *(f'{key}={value}' for key, value in options.items())],
        part=part,
        num_classes=count,
        classes=None if count is None else class_names(args.classes, root, count),
        licence=args.licence or getattr(importer, 'LICENCE', 'unknown'),
    )


def write(output: Path, state: dict[str, Tensor], meta: dict[str, object]) -> None:
    """Weights and metadata: as JSON in a ``.safetensors``, under `meta` in a ``.pth``.

    Raises:
        UserError: The file cannot be written.
    """
    import torch
    from safetensors.torch import save

    from mmdeeplab.fileio.whole_files import placing

    with placing(output) as partial, partial.open('wb') as file:
        if output.suffix == '.pth':
            torch.save(dict(state_dict=state, meta=meta), file)
        else:
            file.write(save(state, {key: json.dumps(value) for key, value in meta.items()}))


def trust(args: argparse.Namespace) -> dict[str, bool]:
    """What ``--trust`` adds to the reading of a file, after saying what that means."""
    if not args.trust:
        return {}
    if args.source not in PICKLED:
        raise UserError(f'--trust has no use with {args.source}: such files hold no code')
    print(TRUST % args.input, file=sys.stderr, flush=True)
    return dict(trust=True)


main = command(_parser, convert_weights)
