"""Make Cityscapes, ADE20K, COCO-Stuff or PASCAL Context ready, from archives you have."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdeeplab.cli.common import command
from mmdeeplab.command_names import tool

NAMES = ('cityscapes', 'ade20k', 'coco-stuff', 'pascal-context')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='prepare_data.py', description=__doc__)
    parser.add_argument('data_set', choices=NAMES, help='which one')
    parser.add_argument(
        '--root',
        type=Path,
        default=Path('data'),
        metavar='DIR',
        help='the data go below it; nothing that is there is overwritten (%(default)s)',
    )
    parser.add_argument(
        '--archives',
        type=Path,
        metavar='DIR',
        help='archives with their published names, needed for what is not unpacked yet '
        '(ROOT/archives)',
    )
    return parser


def prepare_data(args: argparse.Namespace) -> None:
    """Prepare the data set, and print what to do next."""
    from mmdeeplab.config.load import quiet_imports

    quiet_imports()
    from mmdeeplab.datasets.prepare.prepare import prepare
    from mmdeeplab.datasets.prepare.table import DATA_SETS

    data = DATA_SETS[args.data_set]
    folder, changed = prepare(data, args.root, args.archives or args.root / 'archives')
    counts = ', '.join(f'{split.name} {split.count:,}' for split in data.splits)
    print(f'{folder} {"is ready" if changed else "was ready already"}: {counts} images')
    root = '' if folder == Path('data') / data.folder else f' --data-root {folder}'
    print(f'next: {tool("train")} configs/{data.example}.py{root}')


main = command(_parser, prepare_data)
