#!/usr/bin/env python3
"""Write the two tables of docs/check_dataset.md: the kinds, and what a broken mini-VOC prints."""

import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mmdeeplab.cli.check_dataset import main  # noqa: E402
from mmdeeplab.datasets.check.faults import FAULTS  # noqa: E402
from mmdeeplab.datasets.mini_voc import MiniVoc, generate  # noqa: E402
from mmdeeplab.visualization.voc_palette import voc_palette  # noqa: E402

PAGE = ROOT / 'docs' / 'check_dataset.md'
CONFIG = str(ROOT / 'configs' / 'deeplabv3plus_xception_mini-voc.py')


def break_mini_voc(root: Path) -> None:
    """Draw thirty images and spoil twelve things about them."""
    generate(root, MiniVoc(train=20, val=10, size=96), quiet=True)

    def image(number: int) -> Path:
        return root / f'JPEGImages/2026_{number:06d}.jpg'

    def mask(number: int) -> Path:
        return root / f'SegmentationClass/2026_{number:06d}.png'

    def ids(number: int) -> np.ndarray:
        return np.array(Image.open(mask(number)))

    image(2).write_bytes(image(2).read_bytes()[:2000])
    image(3).write_text('<!DOCTYPE html><title>404</title>')
    mask(4).write_bytes(b'')
    image(5).unlink()
    Image.fromarray(ids(6).T.copy()).save(mask(6))
    Image.fromarray(np.array(voc_palette(), np.uint8)[ids(7)]).save(mask(7))
    Image.fromarray(np.where(ids(8) == 255, 21, ids(8)).astype(np.uint8)).save(mask(8))
    Image.fromarray(np.where(ids(9) == 255, 300, ids(9)).astype(np.uint16)).save(mask(9))
    Image.open(image(10)).convert('CMYK').save(image(10))
    image(22).write_bytes(image(1).read_bytes())
    mask(22).write_bytes(mask(1).read_bytes())
    listed = root / 'ImageSets/Segmentation/val.txt'
    names = listed.read_text().split()
    listed.write_text('\r\n'.join([*names, names[2], '../../secret', '']), newline='')


def printed(root: Path) -> str:
    """What the command prints for the folder."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        main([CONFIG, '--data-root', str(root), '--workers', '1'])
    return text.getvalue()


def kinds_table() -> str:
    rows = [
        f'| `{name}` | {fault.severity} | {fault.meaning} | {fault.fix} |'
        for name, fault in FAULTS.items()
    ]
    return '\n'.join(['| kind | severity | what it is | what to do |', '|---|---|---|---|', *rows])


def write() -> None:
    """Replace what stands between the marks of the page."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ['MMDEEPLAB_CACHE'] = f'{folder}/cache'
        os.chdir(folder)
        break_mini_voc(Path('broken-voc'))
        example = printed(Path('broken-voc'))
    text = PAGE.read_text()
    for mark, block in (('kinds', kinds_table()), ('example', f'```text\n{example}```')):
        pattern = rf'(<!-- {mark} -->\n).*?(<!-- /{mark} -->)'
        text = re.sub(pattern, lambda m, block=block: m[1] + block + '\n' + m[2], text, flags=re.S)
    PAGE.write_text(text)


if __name__ == '__main__':
    write()
