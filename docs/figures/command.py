"""Draw the pictures of docs/family.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdeeplab.cli.common import command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='draw_family.py', description=__doc__)
    parser.add_argument(
        '--out', type=Path, default=Path('docs/images'), metavar='DIR', help='(%(default)s)'
    )
    return parser


def draw(args: argparse.Namespace) -> None:
    """Write every drawing to ``OUT/NAME.png``."""
    from figures.drawings import DRAWINGS

    args.out.mkdir(parents=True, exist_ok=True)
    for name, make in DRAWINGS.items():
        path = args.out / f'{name}.png'
        make().savefig(path, metadata=dict(Software=None), pil_kwargs=dict(optimize=True))
        print(path)


main = command(_parser, draw)
