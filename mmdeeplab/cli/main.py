"""``mmdeeplab COMMAND``: every command of the package behind one name."""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
from pathlib import Path

from mmdeeplab import __version__
from mmdeeplab.console import one_line
from mmdeeplab.errors import did_you_mean


def commands() -> dict[str, str]:
    """Name -> sentence of each command: the modules beside this one with a parser and a main.

    They are read, not imported, so that help is there at once.
    """
    found = {}
    for path in sorted(Path(__file__).parent.glob('[a-z]*.py')):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        names = {name for node in tree.body for name in _defined(node)}
        if {'_parser', 'main'} <= names:
            sentence = (ast.get_docstring(tree) or '').partition('\n\n')[0]
            found[path.stem.replace('_', '-')] = ' '.join(sentence.split())
    return found


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _parser(known: dict[str, str]) -> argparse.ArgumentParser:
    width = max(map(len, known))
    lines = [f'  {name:<{width}}  {sentence}' for name, sentence in known.items()]
    parser = argparse.ArgumentParser(
        prog='mmdeeplab',
        usage='mmdeeplab COMMAND [ARGUMENTS]',
        description='The DeepLab line (v1, v2, v3, v3+) for semantic segmentation.',
        epilog='\n'.join(['commands:', *lines, '', '`mmdeeplab COMMAND --help` tells its options']),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'mmdeeplab {__version__}')
    parser.add_argument('command', help=argparse.SUPPRESS)
    return parser


def dispatch(argv: list[str] | None = None) -> int:
    """Run the command that the first argument names.

    Returns:
        Its exit status; 2 where there is no such command.
    """
    arguments = sys.argv[1:] if argv is None else argv
    known = commands()
    parser = _parser(known)
    if not arguments:
        parser.print_help()
        return 2
    wish = parser.parse_args(arguments[:1]).command
    name = wish.removesuffix('.py').replace('_', '-')
    if name not in known:
        hint = did_you_mean(name, known) or '; `mmdeeplab --help` lists them'
        print(f'error: no command is called {one_line(wish)}{hint}', file=sys.stderr)
        return 2
    module = importlib.import_module(f'mmdeeplab.cli.{name.replace("-", "_")}')
    return int(module.main(arguments[1:], prog=f'mmdeeplab {name}'))
