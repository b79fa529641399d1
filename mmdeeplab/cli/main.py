"""``mmdeeplab COMMAND``: every command of the package behind one name."""

from __future__ import annotations

import argparse
import importlib
import sys

from mmdeeplab.console import one_line
from mmdeeplab.errors import did_you_mean
from mmdeeplab.version import __version__

# ``NAME-OF-ONE`` is ``mmdeeplab.cli.name_of_one``, which is imported when it is called.
COMMANDS = {
    'analyze': 'Print what a network costs and sees',
    'check-dataset': "Check every list, image and mask of a config's data",
    'compare-runs': 'Compare two evaluations of the same images',
    'configs': 'List the configs that come with the package',
    'convert-annotations': 'Make masks of what an annotation tool wrote',
    'convert-weights': 'Bring weights of another project into a model of ours',
    'doctor': 'Say what is installed, what is wrong with it, and the command that mends it',
    'export': 'Export a trained network',
    'make-mini-voc': 'Draw a miniature data set in the layout of PASCAL VOC 2012',
    'new-config': 'Write a config that trains on a folder of images and masks of your own',
    'predict': 'Segment images and videos',
    'prepare-data': 'Make Cityscapes, ADE20K, COCO-Stuff or PASCAL Context ready',
    'prepare-voc': "Make PASCAL VOC 2012 with SBD's masks ready",
    'serve': 'A page to try a network in a browser',
    'test': 'Evaluate a checkpoint',
    'train': 'Train a segmentation network from a config file',
    'weights': 'The published checkpoints of the DeepLab family',
}


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    lines = [f'  {name:<{width}}  {sentence}' for name, sentence in COMMANDS.items()]
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
    parser = _parser()
    if not arguments:
        parser.print_help()
        return 2
    command = parser.parse_args(arguments[:1]).command
    name = command.removesuffix('.py').replace('_', '-')
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS) or '; `mmdeeplab --help` lists them'
        print(f'error: no command is called {one_line(command)}{hint}', file=sys.stderr)
        return 2
    module = importlib.import_module(f'mmdeeplab.cli.{name.replace("-", "_")}')
    return int(module.main(arguments[1:], prog=f'mmdeeplab {name}'))
