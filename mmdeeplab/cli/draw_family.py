"""Draw the pictures of docs/family.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmdeeplab.cli.common import run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='draw_family.py', description=__doc__)
    parser.add_argument(
        '--out', type=Path, default=Path('docs/images'), metavar='DIR', help='(%(default)s)'
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments after the command's name; those of the process by default.

    Returns:
        Exit status: 0.
    """
    args = _parser().parse_args(argv)
    return run(lambda: draw(args.out))


def draw(out: Path) -> None:
    """Write every drawing to ``OUT/NAME.png``."""
    from mmdeeplab.drawings import DRAWINGS

    out.mkdir(parents=True, exist_ok=True)
    for name, make in DRAWINGS.items():
        path = out / f'{name}.png'
        make().savefig(path, metadata=dict(Software=None), pil_kwargs=dict(optimize=True))
        print(path)
