"""``python -m benchmarks``: time this project beside its peers, score it on photographs."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scores import command as scores
from mmdeeplab.cli.common import command
from mmdeeplab.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from benchmarks.case import Trained

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path('docs/benchmarks.json')
TRAINED = ('commands', 'quality')  # the cases that take a trained network


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    commands = parser.add_subparsers(
        dest='command', required=True, metavar='run|table|results|peers'
    )
    run = commands.add_parser('run', help='time a case, or all')
    run.add_argument('name', metavar='NAME|all', help='a module of benchmarks/cases')
    run.add_argument('--vs', default='', metavar='PEER', help='mmseg, smp, torchvision, ...')
    run.add_argument('--json', type=Path, metavar='OUT', help='put the results there, too')
    run.add_argument('--rounds', type=int, default=5, metavar='N', help='at least 5 (%(default)s)')
    run.add_argument('--threads', type=int, metavar='N', help="torch's; all cores")
    run.add_argument('--tiny', action='store_true', help='sizes of a test: no meaning')
    quality = run.add_argument_group(
        ' and '.join(TRAINED), 'a trained network, all three; without, no such case'
    )
    quality.add_argument('--config', help='e.g. configs/deeplabv3plus_xception_voc.py')
    quality.add_argument('--checkpoint', help='.safetensors, .pth, or a work dir (its newest)')
    quality.add_argument('--data-root', metavar='DIR', help='its data')
    table = commands.add_parser('table', help='results as a page')
    table.add_argument('results', type=Path, nargs='?', default=RESULTS, metavar='JSON')
    table.add_argument('--out', type=Path, metavar='FILE', help='write it there')
    scores.add_options(
        commands.add_parser('results', help='score published networks on photographs; a page')
    )
    commands.add_parser('peers', help='install the peers, and say which there are')
    return parser


def action(args: argparse.Namespace) -> None:
    dict(run=run, table=table, results=scores.results, peers=peers)[args.command](args)


def run(args: argparse.Namespace) -> None:
    """Time cases, print their tables, put them into the file of results.

    Raises:
        UserError: No such case or peer, too few rounds, a trained network in part.
    """
    if args.rounds < 5 and not args.tiny:
        raise UserError(f'--rounds must be at least 5, got {args.rounds}: medians need them')
    import warnings

    import torch

    from benchmarks.case import Scale, Skip
    from benchmarks.page import section
    from benchmarks.run import names, run_case
    from mmdeeplab.config.load import quiet_imports

    case_names = names()
    if args.name not in (*case_names, 'all'):
        hint = did_you_mean(args.name, case_names) or f'; there are {", ".join(case_names)}'
        raise UserError(f'no case is called {args.name}{hint}')
    network = trained(args)
    quiet_imports()
    warnings.filterwarnings('ignore')
    if args.threads:
        torch.set_num_threads(args.threads)
    for name in case_names if args.name == 'all' else [args.name]:
        with tempfile.TemporaryDirectory() as folder:
            torch.manual_seed(0)
            scale = Scale(Path(folder), args.tiny, args.rounds, network)
            try:
                case = run_case(name, scale, args.vs)
            except Skip as reason:
                print(f'{name} is not run: {reason}\n', flush=True)
                continue
        print(section(name, case), flush=True)
        if args.json:
            store(args.json, name, case)


def trained(args: argparse.Namespace) -> Trained | None:
    """The network that the options name, if they name one.

    Raises:
        UserError: In part, or for a case that takes none.
    """
    from benchmarks.case import Trained

    options = {'--config': args.config, '--checkpoint': args.checkpoint}
    options['--data-root'] = args.data_root
    missing = [option for option, value in options.items() if not value]
    if len(missing) == len(options):
        return None
    if args.name not in (*TRAINED, 'all'):
        cases = ' and '.join(TRAINED)
        raise UserError(f'{", ".join(options)} are for the cases {cases}, not for {args.name}')
    if missing:
        raise UserError(f'the case {args.name} needs {", ".join(missing)}, too')
    return Trained(*options.values())


def store(path: Path, name: str, case: dict) -> None:
    """Put one case into the file of results; the others stay."""
    from benchmarks.page import read
    from mmdeeplab.fileio.atomic import placing

    results = read(path) if path.is_file() else dict(cases={})
    results['command'] = shlex.join(['python', '-m', 'benchmarks', *sys.argv[1:]])
    results['cases'] = dict(sorted((results['cases'] | {name: case}).items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with placing(path) as beside:
        beside.write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')


def table(args: argparse.Namespace) -> None:
    """Print the page, or write it."""
    from benchmarks.page import page, read

    text = page(read(args.results), args.results.as_posix())
    if args.out is None:
        print(text, end='')
        return
    from mmdeeplab.fileio.atomic import placing

    with placing(args.out) as beside:
        beside.write_text(text, encoding='utf-8')


def peers(args: argparse.Namespace) -> None:
    """Install what is missing to a folder of its own, outside the environment's packages.

    Raises:
        UserError: pip failed.
    """
    from benchmarks.machine import PACKAGES, version
    from mmdeeplab.weights.reference_models import FOLDER

    if any(version(name) == 'missing' for name in PACKAGES):
        pip = [sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
        wanted = ['--no-deps', '--target', str(FOLDER), '-r', str(ROOT / 'requirements-peers.txt')]
        if subprocess.run([*pip, *wanted]).returncode:
            raise UserError(f'pip could not install the peers to {FOLDER}; see above')
    for name in PACKAGES:
        print(f'{name:<12} {version(name)}')


main = command(_parser, action)

if __name__ == '__main__':
    sys.exit(main())
