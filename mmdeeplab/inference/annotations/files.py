"""Which annotation tools a prediction can be written for, and the one file of all images."""

from __future__ import annotations

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
    """Write what a tool takes at once: ``coco.json``, ``cvat.xml``, ``yolo/data.yaml``.

    Args:
        folder: Of the predictions, with ``coco/NAME.json`` and so on below it.
        outputs: Those wanted; others than annotations are passed over.
        classes: Names in id order.

    Returns:
        The files, each of which appears complete.
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
    """Files of single images; not what says that a film is complete."""
    for path in sorted(folder.rglob(f'*{suffix(output)}')):
        if path.name != 'video.json' and not path.name.startswith('.tmp-'):
            yield path.read_text(encoding='utf-8')
