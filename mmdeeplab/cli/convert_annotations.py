"""Make masks of what an annotation tool wrote: COCO, labelme, CVAT, Label Studio, YOLO..."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import command
from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import list_files

if TYPE_CHECKING:
    from mmdeeplab.datasets.annotations.convert import ConversionOptions, Converted


def add_annotation_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that read annotations."""
    parser.add_argument(
        '--unlabelled', choices=('background', 'void'), default='background',
        help='annotations: what pixels are that nobody annotated (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--skip-missing', action='store_true',
        help='annotations: leave pictures out that are not there',
    )  # fmt: skip


def conversion_options(args: argparse.Namespace) -> ConversionOptions:
    """The parsed options of :func:`add_annotation_options`, with ``--classes``."""
    from mmdeeplab.datasets.annotations.convert import ConversionOptions

    classes = tuple(name.strip() for name in args.classes.split(',')) if args.classes else ()
    return ConversionOptions(classes, args.unlabelled == 'void', args.skip_missing)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='convert_annotations.py', description=__doc__)
    parser.add_argument('data', type=Path, help='a folder of annotations and pictures, or one file')
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR',
        help='masks, lists and names; made anew where the annotations changed',
    )  # fmt: skip
    parser.add_argument('--classes', default='', metavar='A,B,C', help='names, in id order')
    add_annotation_options(parser)
    return parser


def convert_annotations(args: argparse.Namespace) -> None:
    """Convert annotations, and print the result."""
    from mmdeeplab.datasets.annotations.convert import convert
    from mmdeeplab.datasets.annotations.find import ARCHIVES
    from mmdeeplab.datasets.class_names import read_classes

    if not args.data.exists():
        raise UserError(f'there is nothing at {args.data}')
    converted = convert(args.data, args.out, conversion_options(args))
    if converted is None:
        packed = list_files(args.data, ARCHIVES).names
        hint = f'; {packed[0]} there is an archive: unpack it' if packed else ''
        raise UserError(f'{args.data} holds no annotations: no JSON, XML or data.yaml{hint}')
    for note in converted.notes:
        print(note)
    print(summary(converted, args.out))
    print(f'classes: {", ".join(read_classes(args.out / "classes.txt"))}')
    print(f'now: {tool("new_config")} --data {args.out} --out my_config.py')


def summary(converted: Converted, out: Path) -> str:
    """A line about what was converted."""
    return (
        f'{converted.format}: {converted.objects} objects of {converted.images} images, '
        f'{converted.written} masks written to {out}'
    )


main = command(_parser, convert_annotations)
