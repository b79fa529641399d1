"""List the configs that come with the package."""

from __future__ import annotations

import argparse

from mmdeeplab.cli.common import command
from mmdeeplab.config.shipped import CONFIGS, config_names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='configs.py', description=__doc__)
    parser.add_argument('part', nargs='?', default='', help='part of the name')
    return parser


def configs(args: argparse.Namespace) -> None:
    """Print the configs, one per line, with the first sentence of their comments."""
    for name in config_names():
        if args.part in name:
            print(f'{name:<46} {about(name)}')
    print(f'in {CONFIGS}')


def about(name: str) -> str:
    """The first comment line of a config."""
    first = (CONFIGS / f'{name}.py').read_text(encoding='utf-8').splitlines()[0]
    return first.removeprefix('# ') if first.startswith('#') else ''


main = command(_parser, configs)
