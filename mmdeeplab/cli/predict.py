"""Segment images and videos: files, folders or patterns; no data set, no ground truth."""

from __future__ import annotations

import argparse
import glob
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import add_config_options, command
from mmdeeplab.cli.inference import add_inference_options, load_model, make_predictor
from mmdeeplab.errors import UserError
from mmdeeplab.inference.kinds import KINDS

if TYPE_CHECKING:
    import numpy as np

    from mmdeeplab.inference.outputs import Outputs
    from mmdeeplab.inference.predictor import DeepLabPredictor

CALIBRATION = 8  # pictures by which int8 and bf16 are corrected
VIDEOS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='predict.py', description=__doc__)
    parser.add_argument('input', nargs='+', help='images, videos, folders of them, or patterns')
    parser.add_argument(
        '--model',
        required=True,
        metavar='CONFIG|NAME',
        help='config of the network, or a published model: `weights.py list`',
    )
    parser.add_argument('--checkpoint', metavar='FILE', help="a config's weights, or a work dir")
    parser.add_argument('--out', required=True, metavar='DIR', help='DIR/KIND/NAME.png')
    parser.add_argument(
        '--save', default='masks,overlay', metavar='KINDS', help=f'some of {",".join(KINDS)}'
    )
    parser.add_argument('--batch-size', type=int, default=1, metavar='N', help='images at a time')
    parser.add_argument('--device', default=None, help='cpu, cuda, cuda:1 (the best there is)')
    parser.add_argument('--overwrite', action='store_true', help='make again what is there')
    add_inference_options(parser)
    add_config_options(parser)
    return parser


def predict(args: argparse.Namespace) -> None:
    """Segment every input; unreadable ones are listed at the end, after the others are done."""
    kinds = args.save.split(',')
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise UserError(f'--save takes {",".join(KINDS)}, got {", ".join(unknown)}')
    if args.batch_size < 1:
        raise UserError(f'--batch-size must be at least 1, got {args.batch_size}')
    inputs = find_inputs(args.input)
    cfg, checkpoint = load_model(args)
    from mmdeeplab.download import digest
    from mmdeeplab.inference.outputs import Outputs

    settings = dict(
        model=Path(args.model).name,
        checkpoint_sha256=digest(checkpoint),
        tta=args.tta,
        crf=args.crf,
        windows=[args.mode, args.window, args.stride, args.blend],
        output_stride=args.output_stride,
        cfg_options=args.cfg_options,
        **(dict(fast=args.fast) if args.fast else {}),
    )
    keep = bool({'prob', 'confidence'} & set(kinds))
    pictures = readable(inputs, CALIBRATION) if args.fast in ('bf16', 'int8') else ()
    predictor = make_predictor(cfg, checkpoint, args, keep, pictures)
    outputs = Outputs(Path(args.out), kinds, settings, args.overwrite)
    failed = run(predictor, inputs, outputs, args.batch_size)
    if failed:
        print('\n'.join(failed), file=sys.stderr)
        raise UserError(f'unreadable inputs: {len(failed)}, listed above')


def run(
    predictor: DeepLabPredictor, inputs: list[Path], outputs: Outputs, batch_size: int
) -> list[str]:
    """Segment what is not there yet; return a sentence for every input that cannot be read."""
    from time import perf_counter

    from tqdm import tqdm

    from mmdeeplab.inference import video

    start = perf_counter()
    films = [path for path in inputs if path.suffix.lower() in VIDEOS]
    images = [path for path in inputs if path not in set(films)]
    wanted = [path for path in images if not outputs.done(path.stem)]
    failed: list[str] = []
    made = 0
    bar = tqdm(total=len(wanted), desc='segmenting', unit='image', disable=None)
    for names, pictures in grouped(predictor, wanted, batch_size, failed):
        for name, result in zip(names, predictor.batch(pictures), strict=True):
            outputs.write(name, result)
        made += len(names)
        bar.update(len(names))
    bar.close()
    skipped = len(images) - len(wanted)
    for path in films:
        if video.done(path, outputs):
            skipped += 1
            continue
        try:
            count = video.segment_video(predictor, path, outputs, batch_size)
            print(f'{path}: {count} frames')
            made += count
        except UserError as error:
            failed.append(str(error))
    done = len(inputs) - len(failed) - skipped
    notice = f' ({skipped} were there already)' if skipped else ''
    rate = f'; {made / (perf_counter() - start):.3g} images a second' if made else ''
    print(f'{done} of {len(inputs)} inputs segmented into {outputs.folder}{notice}{rate}')
    return failed


def grouped(
    predictor: DeepLabPredictor, paths: list[Path], size: int, failed: list[str]
) -> Iterator[tuple[list[str], list[np.ndarray]]]:
    """Batches of neighbours that are padded to one size, so that none changes by its batch."""
    from mmdeeplab.inference.images import read_picture

    names: list[str] = []
    pictures: list[np.ndarray] = []
    for path in paths:
        try:
            picture = read_picture(path)
        except UserError as error:
            failed.append(str(error))
            continue
        other = pictures and predictor.padded_size(picture) != predictor.padded_size(pictures[0])
        if len(pictures) == size or other:
            yield names, pictures
            names, pictures = [], []
        names.append(path.stem)
        pictures.append(picture)
    if pictures:
        yield names, pictures


def readable(paths: list[Path], count: int) -> list[np.ndarray]:
    """A few of the pictures, evenly over all."""
    from mmdeeplab.inference.images import read_picture

    found: list[np.ndarray] = []
    images = [path for path in paths if path.suffix.lower() not in VIDEOS]
    for path in images[:: max(len(images) // count, 1)][:count]:
        with suppress(UserError):  # named when it is its turn
            found.append(read_picture(path))
    return found


def find_inputs(inputs: list[str]) -> list[Path]:
    """Files as they are, the images and videos of folders, and what patterns match.

    Raises:
        UserError: An input that names nothing, or two of one name.
    """
    from mmdeeplab.datasets.split_list import PICTURE_SUFFIXES

    found: list[Path] = []
    for item in inputs:
        path = Path(item)
        if path.is_dir():
            known = PICTURE_SUFFIXES + VIDEOS
            here = sorted(p for p in path.iterdir() if p.suffix.lower() in known)
        else:
            here = [path] if path.is_file() else sorted(map(Path, glob.glob(item)))  # noqa: PTH207
        if not here:
            raise UserError(f'no image or video at {item}')
        found += here
    names = [path.stem for path in found]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f'two inputs would be written to one file: {", ".join(doubled[:5])}')
    return found


main = command(_parser, predict)
