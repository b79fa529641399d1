"""The pictures on which an exported file is compared and calibrated."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmdeeplab.checkpoint.class_order import require_order
from mmdeeplab.config.data import datasets
from mmdeeplab.datasets.transforms.load import LoadMask
from mmdeeplab.errors import UserError
from mmdeeplab.fileio.input_files import list_files
from mmdeeplab.inference.images import Picture, reader
from mmdeeplab.inference.inputs import ARRAYS
from mmdeeplab.spread import spread

SMALLEST = 33  # sides of two steps at output stride 16


class Sample(NamedTuple):
    """A picture (H, W, bands), uint8 with RGB first or as it is stored, and its mask (H, W)."""

    name: str
    picture: np.ndarray
    mask: np.ndarray | None = None


def read_samples(
    cfg: Config,
    data: Path,
    count: int,
    num_classes: int,
    split: str = 'test',
    names: Sequence[str] | None = None,
) -> list[Sample]:
    """Read up to ``count`` samples, evenly spread, as predictions of a config read them.

    Args:
        cfg: The config; a folder in VOC's layout is read as its data set of ``split``.
        data: A folder in VOC's layout, a folder of pictures, or a picture.
        count: The largest number of samples.
        num_classes: Number of classes of the network.
        split: 'test' or 'train'.
        names: Names of the network's classes in id order, compared with the data's; None if
            unknown.

    Raises:
        UserError: There is no picture, one is broken, its mask has other classes, or the config has
            no data set.
    """
    if count < 1:
        raise UserError(f'--images must be at least 1, got {count}')
    read = reader(cfg)
    if not (data / 'ImageSets').is_dir():
        return [Sample(path.name, read(path)) for path in spread(pictures(data), count)]
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset_cfg = next(datasets(cfg, split), None)
    if dataset_cfg is None:
        raise UserError(f'{data}: the config has no {split} data set to read it as')
    dataset = DATASETS.build(dataset_cfg | dict(data_root=str(data), pipeline=[]))
    classes = dataset.metainfo['classes']
    if len(classes) != num_classes:
        raise UserError(f'{data} has {len(classes)} classes, the network {num_classes}')
    require_order(names, classes, 'the checkpoint', str(data))
    infos = spread([dataset.get_data_info(i) for i in range(len(dataset))], count)
    return [labelled(info, read) for info in infos]


def labelled(info: dict, read: Callable[[Picture], np.ndarray]) -> Sample:
    """Read a picture and its mask, with class ids as in training."""
    path = Path(info['img_path'])
    picture = read(path)
    loaded = LoadMask()(info | dict(ori_shape=picture.shape[:2]))
    return Sample(path.name, picture, loaded['gt_seg_map'])


def pictures(data: Path) -> list[Path]:
    """The pictures of a folder; ``data`` alone if it is a file."""
    if data.is_file():
        return [data]
    files = []
    if data.is_dir():
        names = list_files(data).names or list_files(data, ARRAYS).names
        files = [data / name for name in names]
    if not files:
        raise UserError(f'no pictures at {data}: name a folder as VOC, one of pictures, or a file')
    return files


def of_other_sizes(sample: Sample, least: tuple[int, int]) -> list[Sample]:
    """Versions of a picture with odd and even sides just above ``least``, and one below it.

    The picture is repeated or cut; none is square. Strided layers treat odd and even sides
    differently. If the evaluation does not pad, ``least`` is (1, 1), and sides around
    :data:`SMALLEST` are taken.
    """
    height, width = (max(side, SMALLEST) for side in least)
    sizes = [(height + i, width + 8 + j) for i in (1, 2) for j in (0, 1)]
    sizes.append((height * 2 // 3, width // 2))
    return [Sample(f'{h}x{w}', tiled(sample.picture, (h, w))) for h, w in sizes]


def tiled(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (h, w, C) repeated or cut to (H, W, C)."""
    times = [-(-target // side) for target, side in zip(size, picture.shape[:2], strict=True)]
    repeated = np.tile(picture, (*times, 1))
    return np.ascontiguousarray(repeated[: size[0], : size[1]])
