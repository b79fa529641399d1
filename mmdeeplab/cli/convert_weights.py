"""Bring weights of another project into a model of ours."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

from mmdeeplab.cli.common import command, load_config
from mmdeeplab.errors import UserError

SOURCES = ('tf', 'tflite')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='convert_weights.py', description=__doc__)
    parser.add_argument('source', choices=SOURCES, help='where the weights come from')
    parser.add_argument(
        'input', help='TF checkpoint prefix (DIR/model.ckpt), .npz of arrays, .tflite'
    )
    parser.add_argument('output', help='.safetensors, or .pth')
    parser.add_argument(
        '--config',
        '--cfg',
        default='configs/deeplabv3plus_xception_voc.py',
        help='the model to fill (%(default)s)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override any setting'
    )
    parser.add_argument('--output-stride', type=int, metavar='N', help=argparse.SUPPRESS)
    parser.set_defaults(data_root=None, launcher='none')
    return parser


def convert_weights(args: argparse.Namespace) -> None:
    """Read, convert by the source's strict table, write."""
    output = Path(args.output)
    if output.suffix not in ('.safetensors', '.pth'):
        raise UserError(f'OUT must end in .safetensors or .pth, got {args.output}')
    cfg = load_config(args.config, args)
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    from mmdeeplab.weights.table import convert

    importer = importlib.import_module(f'mmdeeplab.weights.{args.source}')
    arrays = importer.read(Path(args.input))
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    table = importer.table_for(arrays)
    state = convert(arrays, table, model.state_dict())
    meta = dict(
        source=args.source,
        input=Path(args.input).name,
        config=Path(args.config).name,
        part=table.part,
        num_classes=model.num_classes if table.part == 'model' else None,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == '.pth':
        import torch

        torch.save(dict(state_dict=state, meta=meta), output)
    else:
        from safetensors.torch import save_file

        save_file(state, output, {key: json.dumps(value) for key, value in meta.items()})
    count = sum(p.numel() for key, p in model.named_parameters() if key in state)
    part = '' if table.part == 'model' else f' of the {table.part}'
    print(f'{args.output}: {len(state)} tensors{part}, {count:,} trainable values, {args.config}')
    for what, names in table.sort_out(arrays).items():
        print(f'ignored: {len(names)} {what}')


main = command(_parser, convert_weights)
