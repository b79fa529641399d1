"""Repeat the published experiments on a small scale: train variants, draw one table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.ablation.changes import CHANGES, plan_films
from benchmarks.ablation.heads import HEADS, plan_heads
from benchmarks.ablation.plan import VARIANTS, Settings, plan
from mmdeeplab.cli.common import add_overrides, command
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from benchmarks.ablation.runs import Runner

NAMES = [variant.name for variant in VARIANTS]
HEAD_NAMES = [head.name for head in HEADS]
CHANGE_NAMES = [change.name for change in CHANGES]


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
        '--only', nargs='+', choices=[*NAMES, *HEAD_NAMES, *CHANGE_NAMES], metavar='NAME',
        help=f'{", ".join(NAMES)}; with --encoder {", ".join(HEAD_NAMES)}; '
        f'with --films {", ".join(CHANGE_NAMES)}',
    )  # fmt: skip
    parser.add_argument(
        '--encoder',
        metavar='CHECKPOINT',
        help="train heads behind Coral's MobileNetV2 of PASCAL VOC, which stays as it is",
    )
    parser.add_argument(
        '--train-encoder',
        action='store_true',
        help='then train head and encoder together',
    )
    parser.add_argument(
        '--films',
        metavar='CHECKPOINT',
        help="train on CamVid from Coral's MobileNetV2 without one of its films, and test on it",
    )
    parser.add_argument('--table', action='store_true', help='train nothing: table and plot only')
    add_overrides(parser)
    return parser


def ablate(args: argparse.Namespace) -> None:
    """Carry out what is missing, then draw the table."""
    if args.seeds < 1 or args.iters < 1:
        raise UserError(
            f'--seeds and --iters must be at least 1, got {args.seeds} and {args.iters}'
        )
    if args.train_encoder and not args.encoder:
        raise UserError('--train-encoder: which one says --encoder CHECKPOINT')
    if args.films and args.encoder:
        raise UserError('--films and --encoder are two comparisons: give one of them')
    known = CHANGE_NAMES if args.films else HEAD_NAMES if args.encoder else NAMES
    if strange := sorted({*(args.only or [])} - {*known}):
        raise UserError(f'--only {strange[0]} is none of {", ".join(known)}')
    args.only = args.only or known
    if args.films:
        films(args)
        return
    if args.encoder:
        heads(args)
        return
    if not args.table:
        from benchmarks.ablation.runs import complete

        settings = Settings(find_data(args.data), args.iters, tuple(args.cfg_options))
        complete(plan(args.only, args.seeds), settings, args.out)
    report(args.out)


def heads(args: argparse.Namespace) -> None:
    """Carry out what is missing of the heads on a trained encoder, then write the table.

    Raises:
        UserError: ``--cfg-options`` for a frozen one, or no such checkpoint.
    """
    from benchmarks.ablation.heads_report import markdown, summarise
    from benchmarks.ablation.runs import complete

    if args.cfg_options and not args.train_encoder:
        raise UserError(
            '--cfg-options have no meaning with --encoder: its heads are what they are, unless '
            '--train-encoder is given, too'
        )
    if not args.table:
        from mmdeeplab.fileio.checksum import digest
        from mmdeeplab.weights.resolve import find_checkpoint

        checkpoint = find_checkpoint(args.encoder)
        settings = Settings(
            find_data(args.data), args.iters, tuple(args.cfg_options), digest(checkpoint),
            frozen=not args.train_encoder,
        )  # fmt: skip
        runner = runner_of_heads(checkpoint, settings, args.out)
        complete(plan_heads(args.only, args.seeds), settings, args.out, runner)
    summary = summarise(args.out)
    write_table(args.out, summary, markdown(summary))


def runner_of_heads(checkpoint: Path, settings: Settings, out: Path) -> Runner:
    """What trains a head behind the encoder of a checkpoint."""
    from functools import partial

    from benchmarks.ablation.features import Store

    assert settings.encoder is not None
    store = Store(out / 'features' / settings.encoder[:12], settings.data, str(checkpoint))
    if settings.frozen:
        from benchmarks.ablation.train_heads import train_head

        return partial(train_head, store)
    from benchmarks.ablation.tune_heads import tune_head

    return partial(tune_head, checkpoint, store)


def films(args: argparse.Namespace) -> None:
    """Carry out what is missing of the changes tried on films, then write the table."""
    from functools import partial

    from benchmarks.ablation.films import train_without_film
    from benchmarks.ablation.films_report import markdown, summarise
    from benchmarks.ablation.runs import complete

    if not args.table:
        from mmdeeplab.fileio.checksum import digest
        from mmdeeplab.weights.resolve import find_checkpoint

        weights = find_checkpoint(args.films)
        data = find_data(args.data)
        settings = Settings(data, args.iters, tuple(args.cfg_options), digest(weights), False)
        runs = plan_films(args.only, data, args.seeds)
        complete(runs, settings, args.out, partial(train_without_film, weights))
    summary = summarise(args.out)
    write_table(args.out, summary, markdown(summary))


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

    summary = summarise(collect(out))
    write_table(out, summary, markdown(summary), 'plot.png')
    draw(summary['variants'], out / 'plot.png')


def write_table(out: Path, summary: dict, text: str, *more: str) -> None:
    """Write the results and their table; print the table, and the files with ``more`` of them."""
    from benchmarks.ablation.runs import write_json

    write_json(out / 'results.json', summary)
    (out / 'table.md').write_text(text)
    print(f'{text}\n{", ".join(f"{out}/{name}" for name in ("table.md", "results.json", *more))}')


main = command(_parser, ablate)
