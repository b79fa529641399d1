"""The annotation tools that predictions can be written for, and joining the files of all images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mmdeeplab.fileio.atomic import placing
from mmdeeplab.inference.annotations.coco import coco_text, joined_coco
from mmdeeplab.inference.annotations.cvat import cvat_text, joined_cvat
from mmdeeplab.inference.annotations.labelme import labelme_text
from mmdeeplab.inference.annotations.yolo import data_yaml, yolo_text
from mmdeeplab.inference.save_formats import suffix

Writer = Callable[[np.ndarray, Sequence[str], str], str]
TEXT: dict[str, Writer] = dict(coco=coco_text, labelme=labelme_text, cvat=cvat_text, yolo=yolo_text)
JOINED: dict[str, Callable[[Iterable[str]], str]] = dict(coco=joined_coco, cvat=joined_cvat)


def join(folder: Path, outputs: Sequence[str], classes: Sequence[str]) -> list[Path]:
    """Write one file for all images: ``coco.json``, ``cvat.xml``, ``yolo/data.yaml``.

    Args:
        folder: Folder of the predictions, with ``coco/NAME.json`` and so on below it.
        outputs: The wanted outputs; those that are not annotations are skipped.
        classes: Names in id order.

    Returns:
        The files that were written.
    """
    texts = {
        folder / f'{output}{suffix(output)}': JOINED[output](_texts(folder / output, output))
        for output in outputs
        if output in JOINED
    }
    if 'yolo' in outputs:
        texts[folder / 'yolo' / 'data.yaml'] = data_yaml(classes)
    for path, text in texts.items():
        with placing(path) as partial:
            partial.write_text(text, encoding='utf-8')
    return list(texts)


def _texts(folder: Path, output: str) -> Iterator[str]:
    """The contents of the files of single images, without those that mark a film as complete."""
    for path in sorted(folder.rglob(f'*{suffix(output)}')):
        if not path.name.startswith('.tmp-'):
            text = path.read_text(encoding='utf-8')
            if path.name != 'video.json' or 'frames' not in json.loads(text):
                yield text
