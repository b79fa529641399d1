"""The published checkpoints of the DeepLab family: list and get them; export any weights."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import command
from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmdeeplab.weights.model_zoo import Checkpoint, Result, WeightCache

FILTERS = ('version', 'backbone', 'dataset', 'importer')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='weights.py', description=__doc__)
    actions = parser.add_subparsers(dest='action', required=True, metavar='list|show|get|export')
    listing = actions.add_parser('list', help='a table of all, or of those that match')
    listing.add_argument('name', nargs='?', default='', help='part of the name')
    for key in FILTERS:
        listing.add_argument(f'--{key}', default='', metavar='TEXT', help=f'part of the {key}')
    showing = actions.add_parser('show', help='everything that is known of one')
    getting = actions.add_parser(
        'get', help='download, verify, convert, keep; prints the path to use'
    )
    for subparser in (showing, getting):
        subparser.add_argument('name', help='as in the list')
    getting.add_argument('--out', type=Path, metavar='FILE', help='copy the result to FILE, too')
    getting.add_argument(
        '--refresh', action='store_true', help='download and convert again, also when it is here'
    )
    for subparser in (listing, showing, getting):
        subparser.add_argument(
            '--cache', type=Path, metavar='DIR', help='($MMDEEPLAB_CACHE, else ~/.cache/mmdeeplab)'
        )
        subparser.add_argument(
            '--catalogue',
            type=Path,
            metavar='FILE',
            help='a model zoo of your own (JSON)',
        )
    exporting = actions.add_parser(
        'export', help='write the weights of a checkpoint alone, for other tools'
    )
    exporting.add_argument('name', metavar='CHECKPOINT', help='a file, a work dir, or a name')
    exporting.add_argument('output', type=Path, metavar='FILE', help='.pth or .safetensors')
    exporting.add_argument(
        '--part', metavar='PART', help='backbone, neck or decode_head alone, without that prefix'
    )
    return parser


def weights(args: argparse.Namespace) -> None:
    """List, show, get or export weights, as the arguments say."""
    if args.action == 'export':
        return export(args)
    from mmdeeplab.weights.model_zoo import WeightCache, find, load

    rows, cache = load(args.catalogue), WeightCache(args.cache)
    if args.action == 'list':
        print(table(chosen(rows, args), cache))
    elif args.action == 'show':
        show(find(args.name, rows), cache)
    else:
        get(find(args.name, rows), cache, args)


def export(args: argparse.Namespace) -> None:
    """Export the weights of a checkpoint, and print how many tensors were written."""
    from mmdeeplab.weights.plain import write_plain

    state = write_plain(args.name, args.output, args.part)
    count = sum(tensor.numel() for tensor in state.values())
    print(f'{args.output}: {len(state)} tensors, {count:,} values; torch.load reads it')


def chosen(rows: Sequence[Checkpoint], args: argparse.Namespace) -> list[Checkpoint]:
    """The rows that match all filters, in upper or lower case.

    Raises:
        UserError: No row matches.
    """
    filters = {key: getattr(args, key).lower() for key in ('name', *FILTERS)}
    matches = [
        row
        for row in rows
        if all(text in (getattr(row, key) or '').lower() for key, text in filters.items())
    ]
    if not matches:
        criteria = ', '.join(f'{key} {text!r}' for key, text in filters.items() if text)
        raise UserError(f'no checkpoint matches {criteria}; {tool("weights")} list shows all')
    return matches


def table(rows: Sequence[Checkpoint], cache: WeightCache) -> str:
    """The rows as text: one line each, scores of a single scale and of several."""
    from prettytable import PrettyTable

    titles = ['name', 'version', 'backbone', 'dataset', 'mIoU', 'scales + flip', 'state']
    out = PrettyTable(titles, border=False, left_padding_width=0, right_padding_width=2)
    out.align = 'l'
    for row in rows:
        state = 'here' if cache.record(row.name) else '' if row.importer else 'not importable'
        scores = [score(row.result(multi_scale)) for multi_scale in (False, True)]
        out.add_row([row.name, row.version, row.backbone, row.dataset, *scores, state])
    return f'{out}\n{len(rows)} checkpoints; in brackets: output stride and split, if not val'


def score(result: Result | None) -> str:
    """A published score and what it was measured with."""
    if result is None:
        return ''
    conditions = [str(result.output_stride)] if result.output_stride else []
    conditions += [result.split.partition(' ')[0]] if result.split != 'val' else []
    return f'{result.miou:.2f}' + (f' ({", ".join(conditions)})' if conditions else '')


def show(row: Checkpoint, cache: WeightCache) -> None:
    """Print all fields of a row that are not empty."""
    for key, value in dataclasses.asdict(row).items():
        if key == 'results':
            for result in row.results:
                scales = 'several scales' if result.multi_scale else 'one scale'
                stride = f', output stride {result.output_stride}' if result.output_stride else ''
                flip = ', flipped, too' if result.flip else ''
                print(f'{"mIoU":12} {result.miou:.2f} on {result.split}{stride}, {scales}{flip}')
        elif value not in ((), '', None):
            print(f'{key:12} {" ".join(value) if isinstance(value, tuple) else value}')
    print(f'{"here":12} {cache.verified(row.name, row) or "no"}')


def get(row: Checkpoint, cache: WeightCache, args: argparse.Namespace) -> None:
    """Download and convert a checkpoint; only its path is printed on standard output."""
    from mmdeeplab.fileio.atomic import placing
    from mmdeeplab.weights.model_zoo.ready import config_of, ready

    beside = args.catalogue.parent if args.catalogue else None
    path = ready(row, cache, beside, refresh=args.refresh)
    if row.config:
        options = f' --cfg-options {" ".join(row.cfg_options)}' if row.cfg_options else ''
        print(f'its config: {config_of(row, beside)}{options}', file=sys.stderr)
    if args.out:
        with placing(args.out) as partial:
            shutil.copyfile(path, partial)
    print(args.out or path)


main = command(_parser, weights)
