"""Segment images: files, folders or patterns; no data set, no ground truth."""

from __future__ import annotations

import argparse
import glob
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmdeeplab.cli.common import add_config_options, command, load_config
from mmdeeplab.cli.inference import add_inference_options, find_checkpoint, wrap_for_inference
from mmdeeplab.errors import UserError

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
KINDS = ('masks', 'color', 'overlay')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='predict.py', description=__doc__)
    parser.add_argument('input', nargs='+', help='images, folders of images, or patterns')
    parser.add_argument('--model', required=True, metavar='CONFIG', help='config of the network')
    parser.add_argument('--checkpoint', required=True, metavar='FILE', help='its weights')
    parser.add_argument('--out', required=True, metavar='DIR', help='DIR/KIND/NAME.png')
    parser.add_argument(
        '--save', default='masks,overlay', metavar='KINDS', help=f'some of {",".join(KINDS)}'
    )
    parser.add_argument('--device', default=None, help='cpu, cuda, cuda:1 (the best there is)')
    add_inference_options(parser)
    add_config_options(parser)
    return parser


def predict(args: argparse.Namespace) -> None:
    """Segment every input; unreadable ones are listed at the end, after the others are done."""
    kinds = args.save.split(',')
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise UserError(f'--save takes {",".join(KINDS)}, got {", ".join(unknown)}')
    images = find_images(args.input)
    cfg = load_config(args.model, args)
    checkpoint = find_checkpoint(args.checkpoint)
    wrap_for_inference(cfg, args)
    from tqdm import tqdm

    from mmdeeplab.inference.segment import load_segmentor, segment

    model = load_segmentor(cfg, checkpoint, args.device)
    failed = []
    for path in tqdm(images, 'segmenting', unit='image', disable=None):
        try:
            image, labels = segment(model, path)
        except UserError as error:
            failed.append(str(error))
            continue
        save(Path(args.out), path.stem, kinds, image, labels)
    print(f'{len(images) - len(failed)} of {len(images)} images segmented into {args.out}')
    if failed:
        print('\n'.join(failed), file=sys.stderr)
        raise UserError(f'unreadable inputs: {len(failed)}, listed above')


def find_images(inputs: list[str]) -> list[Path]:
    """Files as they are, the images of folders, and what patterns match.

    Raises:
        UserError: An input that names nothing, or two images of one name.
    """
    found: list[Path] = []
    for item in inputs:
        path = Path(item)
        if path.is_dir():
            here = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        else:
            here = [path] if path.is_file() else sorted(map(Path, glob.glob(item)))  # noqa: PTH207
        if not here:
            raise UserError(f'no image at {item}')
        found += here
    names = [path.stem for path in found]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f'two inputs would be written to one file: {", ".join(doubled[:5])}')
    return found


def save(out: Path, name: str, kinds: list[str], image: np.ndarray, labels: np.ndarray) -> None:
    """Write the wanted pictures of one image (H, W, 3) and its labels (H, W)."""
    from PIL import Image

    from mmdeeplab.engine.masks import palette_picture
    from mmdeeplab.engine.pictures import colour
    from mmdeeplab.voc_names import voc_palette

    colours = colour(labels, voc_palette(255))
    pictures = {
        'masks': palette_picture(labels),
        'color': Image.fromarray(colours),
        'overlay': Image.blend(Image.fromarray(image), Image.fromarray(colours), 0.5),
    }
    for kind in kinds:
        (out / kind).mkdir(parents=True, exist_ok=True)
        pictures[kind].save(out / kind / f'{name}.png')


main = command(_parser, predict)
