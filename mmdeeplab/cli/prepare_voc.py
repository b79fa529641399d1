"""Make PASCAL VOC 2012 with SBD's masks ready: from archives you have, or fetched."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdeeplab.cli.common import command
from mmdeeplab.command_names import tool


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='prepare_voc.py', description=__doc__)
    parser.add_argument(
        '--root',
        type=Path,
        default=Path('data'),
        metavar='DIR',
        help='writes DIR/VOCdevkit/VOC2012; nothing that is there is overwritten (%(default)s)',
    )
    parser.add_argument(
        '--archives',
        type=Path,
        metavar='DIR',
        help='VOCtrainval_11-May-2012.tar and benchmark.tgz; missing ones are fetched into it '
        '(ROOT/archives)',
    )
    parser.add_argument(
        '--unverified', action='store_true', help='take your archives whatever their checksums'
    )
    return parser


def prepare_voc(args: argparse.Namespace) -> None:
    """Prepare PASCAL VOC, and print what to do next."""
    from mmdeeplab.config.load import quiet_imports

    quiet_imports()
    from mmdeeplab.datasets.prepare_voc import SplitCounts, prepare

    archives = args.archives or args.root / 'archives'
    folder, changed = prepare(args.root, archives, unverified=args.unverified)
    counts = SplitCounts()
    print(
        f'{folder} {"is ready" if changed else "was ready already"}: train {counts.train:,}, '
        f'val {counts.val:,}, trainaug {counts.trainaug:,} images, none of val in trainaug'
    )
    root = '' if folder == Path('data/VOCdevkit/VOC2012') else f' --data-root {folder}'
    print(f'next: {tool("train")} configs/deeplabv3plus_xception_voc.py{root}')


main = command(_parser, prepare_voc)
