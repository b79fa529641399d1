"""Draw a miniature data set in the layout of PASCAL VOC 2012."""

import argparse
from pathlib import Path

from mmdeeplab.cli.common import command
from mmdeeplab.datasets.mini_voc.spec import MiniVoc, NotEmptyError
from mmdeeplab.errors import UserError


def _parser() -> argparse.ArgumentParser:
    defaults = MiniVoc()
    parser = argparse.ArgumentParser(prog='make_mini_voc.py', description=__doc__)
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder to fill')
    parser.add_argument(
        '--train', type=int, default=defaults.train, metavar='N', help='images (%(default)s)'
    )
    parser.add_argument(
        '--val', type=int, default=defaults.val, metavar='N', help='images (%(default)s)'
    )
    parser.add_argument(
        '--size',
        type=int,
        default=defaults.size,
        metavar='PIXELS',
        help='long side; the short one varies from 3/4 of it up (%(default)s)',
    )
    parser.add_argument(
        '--seed', type=int, default=defaults.seed, metavar='S', help='(%(default)s)'
    )
    parser.add_argument('--force', action='store_true', help='write into a folder with other files')
    return parser


def make_mini_voc(args: argparse.Namespace) -> None:
    """Draw the data set, unless it exists already."""
    try:
        spec = MiniVoc(args.train, args.val, args.size, args.seed)
    except ValueError as error:
        raise UserError(str(error)) from error
    from mmdeeplab.datasets.mini_voc.folder import generate

    try:
        written = generate(args.out, spec, force=args.force)
    except NotEmptyError as error:
        raise UserError(f'{error}; choose another --out, or --force to overwrite') from error
    amount = f'{spec.train} train and {spec.val} val images'
    print(f'wrote {amount} to {args.out}' if written else f'{args.out} already holds {amount}')


main = command(_parser, make_mini_voc)
