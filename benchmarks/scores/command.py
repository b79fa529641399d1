"""``python -m benchmarks results``: score what has no JSON file yet, write the page."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.scores.ways import NETWORKS, REFERENCE, WAYS, Way
from mmdeeplab.errors import UserError

FOLDER = Path('docs/results')
NAMES = [way.name for way in WAYS]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        '--data-root', metavar='DIR', help='VOC, or a part in its layout; without, the page alone'
    )
    parser.add_argument(
        '--weights', nargs='+', type=Path, default=[], metavar='FILE',
        help="Coral's .tflite files by their published names (without, they are fetched)",
    )  # fmt: skip
    parser.add_argument(
        '--only', nargs='+', choices=NAMES, default=NAMES, metavar='NAME',
        help=f'{", ".join(NAMES)}; {REFERENCE}, which the others are compared with, goes first',
    )  # fmt: skip
    parser.add_argument(
        '--results', type=Path, default=FOLDER, metavar='DIR', help='JSON files (%(default)s)'
    )
    parser.add_argument('--out', type=Path, metavar='FILE', help='the page (DIR.md)')


def results(args: argparse.Namespace) -> None:
    """Carry out what is missing, one JSON file each, then write the page.

    Raises:
        UserError: A file that is no published network, other data than before, or no result.
    """
    if args.data_root is None and args.weights:
        raise UserError('--weights need --data-root DIR')
    if args.data_root is not None:
        score(args)
    from benchmarks.scores.page import page, read
    from mmdeeplab.fileio.atomic import placing

    out: Path = args.out or args.results.with_suffix('.md')
    text = page(read(args.results))
    with placing(out) as beside:
        beside.write_text(text, encoding='utf-8')
    print(out)


def score(args: argparse.Namespace) -> None:
    """Carry out the ways that have no file yet."""
    from benchmarks.scores.run import Network, carry_out, data_of, is_scored

    files = published_files(args.weights)
    for name, file in files.items():
        with tempfile.TemporaryDirectory() as folder:
            network = Network.ready(name, file, args.data_root, Path(folder))
            data = data_of(network)
            for way in [way for way in WAYS if way.name in (REFERENCE, *args.only)]:
                path = args.results / name / f'{way.name}.json'
                if is_scored(path, data):
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                result = carry_out(network, way, data)
                store(path, result)
                print(f'{path}: {result_line(way, result)}', flush=True)


def store(path: Path, result: dict) -> None:
    """Write a result at one stroke, each of its entries on one line."""
    from mmdeeplab.fileio.atomic import placing

    lines = [f'{json.dumps(key)}: {json.dumps(value)}' for key, value in result.items()]
    with placing(path) as beside:
        beside.write_text('{\n' + ',\n'.join(lines) + '\n}\n', encoding='utf-8')


def result_line(way: Way, result: dict) -> str:
    """A line about a result."""
    miou = result.get('mIoU')
    return f'not run: {result["skipped"]}' if miou is None else f'{way.title}, mIoU {miou:.2f}'


def published_files(weights: list[Path]) -> dict[str, Path | None]:
    """By name in the model zoo the published files that were given; None is to be fetched.

    Raises:
        UserError: No such file, or none of those networks.
    """
    from mmdeeplab.weights.model_zoo import find, load

    if not weights:
        return dict.fromkeys(NETWORKS)
    rows = load()
    names_by_file = {find(name, rows).file_name: name for name in NETWORKS}
    for file in weights:
        if not file.is_file():
            raise UserError(f'--weights: no file at {file}')
        if file.name not in names_by_file:
            raise UserError(f'--weights: {file.name} is none of {", ".join(names_by_file)}')
    return {names_by_file[file.name]: file for file in weights}
