"""Repeat the published experiments on a small scale: train variants, draw one table."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.ablation.plan import VARIANTS, Settings, plan
from mmdeeplab.cli.common import command
from mmdeeplab.errors import UserError

NAMES = [variant.name for variant in VARIANTS]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='ablate.py', description=__doc__)
    parser.add_argument(
        '--data',
        default='mini-voc',
        metavar='mini-voc|DIR',
        help='the miniature VOC (drawn when missing), or a folder in its layout (%(default)s)',
    )
    parser.add_argument('--seeds', type=int, default=3, metavar='N', help='(%(default)s)')
    parser.add_argument(
        '--iters', type=int, default=200, metavar='N', help='training steps a run (%(default)s)'
    )
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/ablation'), metavar='DIR', help='(%(default)s)'
    )
    parser.add_argument(
        '--only', nargs='+', choices=NAMES, default=NAMES, metavar='NAME', help=', '.join(NAMES)
    )
    parser.add_argument('--table', action='store_true', help='train nothing: table and plot only')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override every config'
    )
    return parser


def ablate(args: argparse.Namespace) -> None:
    """Carry out what is missing, then draw the table."""
    if args.seeds < 1 or args.iters < 1:
        raise UserError(
            f'--seeds and --iters must be at least 1, got {args.seeds} and {args.iters}'
        )
    if not args.table:
        from benchmarks.ablation.runs import complete

        settings = Settings(find_data(args.data), args.iters, tuple(args.cfg_options))
        complete(plan(args.only, args.seeds), settings, args.out)
    report(args.out)


def find_data(data: str) -> str:
    """The folder of the data; the miniature VOC is drawn when missing.

    Raises:
        UserError: There is no such folder.
    """
    if data != 'mini-voc':
        if not Path(data).is_dir():
            raise UserError(f'--data: no folder at {data}')
        return data
    from mmdeeplab.datasets.mini_voc import MiniVoc, NotEmptyError, generate

    folder = Path('data/mini-voc')
    try:
        generate(folder, MiniVoc())
    except NotEmptyError as error:
        raise UserError(f'--data mini-voc: {error}; name a folder instead') from error
    return str(folder)


def report(out: Path) -> None:
    """Write ``OUT/results.json``, ``OUT/table.md`` and ``OUT/plot.png``; print the table."""
    from benchmarks.ablation.plot import draw
    from benchmarks.ablation.report import collect, markdown, summarise
    from benchmarks.ablation.runs import write_json

    summary = summarise(collect(out))
    write_json(out / 'results.json', summary)
    text = markdown(summary)
    (out / 'table.md').write_text(text)
    draw(summary['variants'], out / 'plot.png')
    print(f'{text}\n{out}/table.md, {out}/results.json, {out}/plot.png')


main = command(_parser, ablate)
