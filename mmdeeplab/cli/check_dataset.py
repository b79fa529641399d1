"""Check every list, image and mask of a config's data; count the classes; mend masks."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import add_config_options, command, config_options, require_data
from mmdeeplab.config.data import SPLITS
from mmdeeplab.config.load import load_config
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    from mmdeeplab.datasets.check.report import Report
    from mmdeeplab.datasets.check.source import Source


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='check_dataset.py', description=__doc__)
    parser.add_argument('config', help='e.g. configs/deeplabv3plus_xception_voc.py')
    parser.add_argument(
        '--split', default=','.join(SPLITS), metavar='NAMES', help='some of %(default)s'
    )
    parser.add_argument('--workers', type=int, metavar='N', help='processes (one a core)')
    parser.add_argument(
        '--allow',
        nargs='+',
        action='extend',
        default=[],
        metavar='KIND',
        help='let errors of these kinds pass',
    )
    parser.add_argument('--json', metavar='FILE', help='write everything for programs')
    parser.add_argument('--fix', metavar='OUT', help='write all masks, mended, into a new folder')
    parser.add_argument(
        '--colours', metavar='FILE', help='--fix: colours of masks, "R G B NAME" a line'
    )
    parser.add_argument(
        '--map',
        nargs='+',
        action='extend',
        default=[],
        metavar='OLD=NEW',
        help='--fix: ids to rename',
    )
    add_config_options(parser)
    return parser


def check_dataset(args: argparse.Namespace) -> None:
    """Check the data, print the report, and write what the options ask for."""
    splits = tuple(args.split.split(','))
    if unknown := sorted(set(splits) - set(SPLITS)):
        raise UserError(f'--split takes {",".join(SPLITS)}, got {",".join(unknown)}')
    if args.workers is not None and args.workers < 0:
        raise UserError(f'--workers is a number of processes, got {args.workers}')
    renamed = read_map(args.map)
    cfg = load_config(args.config, config_options(args))
    require_data(cfg, *splits)
    from mmdeeplab.datasets.check.colour_list import read_colours
    from mmdeeplab.datasets.check.report import allowed_kinds, examine

    colours = read_colours(Path(args.colours)) if args.colours else None
    allow = (*args.allow, *allowed_kinds(cfg))
    report = examine(cfg, splits, args.workers, allow, colours)
    show(report)
    if args.json:
        from mmdeeplab.datasets.check.text import as_json
        from mmdeeplab.fileio.atomic import placing

        with placing(Path(args.json)) as partial:
            partial.write_text(json.dumps(as_json(report), indent=2) + '\n')
    if args.fix:
        fix(report, Path(args.fix), colours, renamed)
    if report.errors:
        count = len(report.errors)
        raise UserError(f'the data has {count} error{"s" * (count > 1)}, listed above')


def show(report: Report) -> None:
    """Print the table of problems, the class frequencies and the class weights."""
    from mmdeeplab.datasets.check.text import frequency_table, problem_table, summary, weight_lines

    roots = {checked.source.root for checked in report.checked}
    if report.problems:
        print(problem_table(report, roots.pop() if len(roots) == 1 else None))
    if report.counts:
        print(frequency_table(report))
    if 'train' in report.counts:
        print(weight_lines(report.counts['train']))
    print(summary(report))


def fix(report: Report, out: Path, colours: dict | None, renamed: dict[int, int]) -> None:
    """Write mended masks, and print how to train on them."""
    from mmdeeplab.datasets.check.fix import write_masks

    mended, failed = write_masks(report, out, colours, renamed)
    labelled = [checked.source for checked in report.checked if checked.source.labelled]
    folders = sorted({str(out / source.masks.name) for source in labelled})
    print(f'--fix: {mended} masks mended, the others copied, into ' + ' and '.join(folders))
    print('\n'.join(f'not mended: {words}' for words in failed), end='\n' if failed else '')
    print(
        'to use them: --cfg-options '
        + shlex.join(
            f'{dataset}.{key}={value}'
            for source in labelled
            for dataset in source.keys
            for key, value in _keys(source, out).items()
        )
    )


def _keys(source: Source, out: Path) -> dict[str, object]:
    """The config keys by which a data set reads the masks that were written."""
    from mmdeeplab.datasets.check.fix import as_png

    keys: dict[str, object] = dict(mask_dir=(out / source.masks.name).resolve())
    suffixes = tuple(dict.fromkeys(map(as_png, source.mask_suffixes)))
    if suffixes != source.mask_suffixes:
        keys['seg_map_suffix'] = suffixes[0] if len(suffixes) == 1 else list(suffixes)
    return keys


def read_map(pairs: list[str]) -> dict[int, int]:
    """Parse ``OLD=NEW`` words as ids.

    Raises:
        UserError: A word has another form.
    """
    renamed = {}
    for pair in pairs:
        old, _, new = pair.partition('=')
        if not (old.isdigit() and new.isdigit()):
            raise UserError(f'--map takes OLD=NEW, e.g. 255=1, got {pair!r}')
        renamed[int(old)] = int(new)
    return renamed


main = command(_parser, check_dataset, loads=True)
