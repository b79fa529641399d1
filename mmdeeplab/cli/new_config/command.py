"""Write a config that trains on a folder of images and masks of your own."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.check_dataset import read_map
from mmdeeplab.cli.common import command
from mmdeeplab.cli.convert_annotations import add_annotation_options, conversion_options, summary
from mmdeeplab.command_names import tool
from mmdeeplab.config.load import load_config, quiet_imports
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import working_folder
from mmdeeplab.fileio.input_files import is_system_file
from mmdeeplab.weights.resolve import find_checkpoint

ANNOTATED = 'annotated'
"""Folder with masks made of annotations; ``--force`` keeps those that are still right."""
WRITTEN = (ANNOTATED, 'ImageSets', 'classes.txt', 'masks')
"""What this command writes beside the config; ``--force`` removes nothing else."""

if TYPE_CHECKING:
    from mmdeeplab.cli.new_config.network import Network
    from mmdeeplab.cli.new_config.plan import ConfigPlan
    from mmdeeplab.datasets.check.report import Report
    from mmdeeplab.datasets.discovery.layout import Layout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='new_config.py', description=__doc__)
    parser.add_argument(
        '--data', required=True, metavar='DIR', help='images, and masks or annotations'
    )
    parser.add_argument('--out', required=True, metavar='FILE.py', help='the config to write')
    parser.add_argument('--version', default='v3plus', help='v1, v2, v3, v3plus (%(default)s)')
    parser.add_argument(
        '--backbone', default='mobilenetv2', help='xception, r101, mobilenetv2... (%(default)s)'
    )
    parser.add_argument('--weights', metavar='FILE', help='where to start; random without it')
    parser.add_argument('--crop', type=int, metavar='N', help='side of training crops, 16 k + 1')
    parser.add_argument('--classes', default='', metavar='A,B,C', help='names, in id order')
    parser.add_argument(
        '--val-share', type=float, default=0.2, metavar='F',
        help='share to evaluate on where the folder does not say (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--val-prefix', nargs='+', action='extend', default=[], metavar='P',
        help='evaluate on the images whose names begin so: whole films, patients or places',
    )  # fmt: skip
    parser.add_argument(
        '--mend', action='store_true', help='copy masks of colours, or of grey levels, as ids'
    )
    parser.add_argument(
        '--colours', metavar='FILE', help='--mend: "R G B NAME" a line, in id order'
    )
    parser.add_argument(
        '--map',
        nargs='+',
        action='extend',
        default=[],
        metavar='OLD=NEW',
        help='--mend: ids of grey values',
    )
    add_annotation_options(parser)
    parser.add_argument(
        '--all-bands', action='store_true',
        help='images of 8 bits with all of their bands, also a fourth, as they are stored',
    )  # fmt: skip
    parser.add_argument('--force', action='store_true', help='replace what an earlier call wrote')
    return parser


def new_config(args: argparse.Namespace) -> None:
    """Find the layout of the data, choose the settings, write the config, check the data.

    Raises:
        UserError: An option is not possible, or the data has errors.
    """
    out = Path(args.out)
    beside = out.with_name(f'{out.stem}_data').resolve()
    require_free(out, beside, Path(args.data).resolve(), args.force)
    quiet_imports()
    with earlier_aside(beside):
        write(args, out, beside)
    check(out)


def write(args: argparse.Namespace, out: Path, beside: Path) -> None:
    """Write the config ``out``, and the folder ``beside`` it if the data needs one.

    Raises:
        UserError: An option is not possible, or the data has no layout that is known.
    """
    from mmdeeplab.cli.new_config.network import find_network
    from mmdeeplab.cli.new_config.plan import make_plan
    from mmdeeplab.cli.new_config.text import config_text, data_root, pixel_text
    from mmdeeplab.datasets.discovery.look import class_names, ids_of, is_named, look, typical_size
    from mmdeeplab.datasets.discovery.pixels import find_pixels, image_paths, mean_and_spread
    from mmdeeplab.datasets.prepare.recognise import advice

    if hint := advice(Path(args.data)):
        print(hint)
    network = find_network(args.version, args.backbone)
    weights = find_checkpoint(args.weights).resolve() if args.weights else None
    if not network.norms and not weights:
        raise UserError(
            f'{network.name} has no batch norms that train, so it does not start from random '
            'weights: name some with --weights, or choose --version v3plus'
        )
    layout = mended(args, beside)
    images = image_paths(layout.train)
    pixels = find_pixels([*images, *image_paths(layout.val)], args.all_bands)
    size = typical_size(layout.train, pixels)
    plan = make_plan(size, len(layout.train.ids), bool(weights), bool(network.norms), args.crop)
    checked = look(layout, pixels=pixels)
    ids = ids_of(checked, is_named(layout.root, args.classes, checked))
    names = class_names(layout.root, args.classes, ids)
    description = describe(layout, size, names)
    root = data_root(layout, beside, names)
    text = config_text(description, network, root, layout, plan, len(names), weights)
    if pixels:
        description += f'\n{pixels}, read as they are stored'
        text += pixel_text(pixels, *mean_and_spread(images))
    out.write_text(text, encoding='utf-8')
    print(description)
    tell(layout, network, plan, bool(weights))
    print(f'wrote {out}' + (f' and {beside}' if beside.exists() else ''))


def require_free(out: Path, beside: Path, data: Path, force: bool) -> None:
    """Refuse to overwrite existing files, unless ``force``, and never those of the user.

    Raises:
        UserError: The config or the folder beside it exists, that folder holds the data or other
            files of the user, or the config is not a ``.py`` file.
    """
    if out.suffix != '.py' or not out.stem.isidentifier():
        raise UserError(
            '--out names a Python file of letters, digits and _ (no other dot), e.g. my_config.py, '
            f'got {out}'
        )
    if not out.parent.is_dir():
        raise UserError(f'--out: no folder {out.parent}')
    names = {path.name for path in beside.iterdir()} if beside.is_dir() else set()
    strange = sorted(name for name in names - {*WRITTEN} if not is_system_file(name))
    if strange or data.is_relative_to(beside):
        content = f'{strange[0]}, which is not of this command' if strange else 'the data'
        raise UserError(f'--out: {beside} would be written to, but holds {content}; rename {out}')
    if (existing := [str(path) for path in (out, beside) if path.exists()]) and not force:
        raise UserError(f'{" and ".join(existing)}: there already; --force replaces it')


@contextmanager
def earlier_aside(beside: Path) -> Iterator[None]:
    """Set aside what an earlier call wrote, but for ``annotated``.

    After an error it comes back, and what the block wrote goes.
    """
    earlier = [p.name for p in beside.iterdir() if p.name != ANNOTATED] if beside.is_dir() else []
    with working_folder(beside.parent) as aside:
        try:
            for name in earlier:
                (beside / name).rename(aside / name)
            yield
        except BaseException:
            for path in (beside / name for name in WRITTEN if name != ANNOTATED):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            for path in list(aside.iterdir()):
                path.rename(beside / path.name)
            with suppress(OSError):  # annotated is in it
                beside.rmdir()
            raise


def mended(args: argparse.Namespace, beside: Path) -> Layout:
    """The layout of the data, with ``--mend`` that of mended copies of its masks."""
    root = Path(os.path.realpath(args.data))
    layout = found_layout(args, root, beside)
    if args.val_prefix:
        from mmdeeplab.datasets.discovery.layout import hold_out

        layout = hold_out(layout, tuple(args.val_prefix))
    if (args.colours or args.map) and not args.mend:
        raise UserError('--colours and --map go with --mend')
    if not args.mend:
        return layout
    from mmdeeplab.datasets.check.colour_list import read_colours
    from mmdeeplab.datasets.discovery.look import look
    from mmdeeplab.datasets.discovery.mend import mend

    colours = read_colours(Path(args.colours)) if args.colours else None
    return mend(layout, look(layout), beside / 'masks', colours, read_map(args.map))


def found_layout(args: argparse.Namespace, root: Path, beside: Path) -> Layout:
    """The layout of images and masks, or of masks that are made from annotations.

    Raises:
        UserError: The folder has no known layout, or the annotations are broken.
    """
    from mmdeeplab.datasets.annotations.convert import convert
    from mmdeeplab.datasets.annotations.cvat_masks import is_cvat_masks
    from mmdeeplab.datasets.annotations.find import UnknownAnnotations
    from mmdeeplab.datasets.discovery.layout import find_layout

    problem = None  # why the folder has no masks
    if args.mend or not (root.is_file() or is_cvat_masks(root)):
        try:
            layout = find_layout(root, args.val_share)
        except UserError as error:
            if args.mend or not root.is_dir():
                raise
            problem = error
        else:
            if args.unlabelled != 'background' or args.skip_missing:
                raise UserError(
                    f'--unlabelled and --skip-missing go with annotations; {root} holds masks'
                )
            return layout
    try:
        converted = convert(root, beside / ANNOTATED, conversion_options(args))
    except UnknownAnnotations as error:
        if problem is None:
            raise
        raise UserError(f'{problem}; and {error}') from error
    if converted is None:
        assert problem  # a file of annotations is that or an error
        raise problem
    print(summary(converted, beside / ANNOTATED))
    layout = find_layout(beside / ANNOTATED, args.val_share)
    how = f'{converted.format} annotations' + (', lists by their files' if layout.listed else '')
    train = replace(layout.train, notes=(*converted.notes, *layout.train.notes))
    return replace(layout, how=how, train=train)


def describe(layout: Layout, size: tuple[int, int], names: tuple[str, ...]) -> str:
    """What was found in the data, in lines short enough for a comment in the config."""
    shown = ', '.join(names[:8]) + (', ...' if len(names) > 8 else '')
    return (
        f'{layout.root}: {layout.how}\n'
        f'{len(layout.train.ids)} train and {len(layout.val.ids)} val images of about '
        f'{size[1]} x {size[0]} pixels\n{len(names)} classes: {shown}'
    )


def tell(layout: Layout, network: Network, plan: ConfigPlan, pretrained: bool) -> None:
    """Print which files were left out, and which settings were chosen."""
    for note in layout.notes:
        print(note)
    epochs = plan.steps * plan.batch_size / len(layout.train.ids)
    print(
        f'decided: {network.name}, crops of {plan.crop}, batches of {plan.batch_size}, '
        f'{plan.steps} steps ({epochs:.0f} epochs) of AdamW at {plan.rate}'
    )
    if not pretrained:
        print('random weights to start with; --weights FILE of any other task needs far less time')


def check(out: Path) -> None:
    """Check the data as training does, and count the classes.

    Raises:
        UserError: The data has errors; the config has been written all the same.
    """
    from mmdeeplab.datasets.check.report import examine
    from mmdeeplab.datasets.check.text import sentence, summary

    cfg = load_config(str(out))
    report = examine(cfg, ('train', 'val'))
    show(report)
    print(summary(report))
    if report.errors:
        raise UserError(sentence(report, f'{tool("check_dataset")} {out}'))
    print(f'now: {tool("train")} {out}')


def show(report: Report) -> None:
    """Print the class frequencies, and advice if they are very different."""
    from mmdeeplab.datasets.check.text import frequency_table

    if not report.counts:
        return
    print(frequency_table(report))
    if 'train' not in report.counts:
        return
    pixels = report.counts['train'].pixels
    if pixels.max() > 20 * max(pixels[pixels > 0].min(), 1):
        print(
            'classes are of very unequal size: '
            '--cfg-options model.decode_head.loss_decode.class_weight=auto weighs them'
        )


main = command(_parser, new_config, loads=True)
