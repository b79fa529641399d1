"""Bands and depth of a config's images, as its LoadImage names them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmdeeplab.config.data import SPLITS, pipeline_steps, type_name
from mmdeeplab.errors import UserError

DEPTHS = ('uint8', 'uint16', 'float32')
MOST_BANDS = 16
LOADERS = ('LoadImage', 'LoadImageFromFile', 'LoadImageFromNDArray', 'InferencerLoader')
"""Names of ``mmdeeplab``'s LoadImage; the others are those that mmseg's functions look for."""
COLOUR_STEPS = (
    'PhotoMetricDistortion',
    'CLAHE',
    'AdjustGamma',
    'RGB2Gray',
    'RandomGrayscale',
    'Rerange',
)
"""Transforms of mmsegmentation and mmcv that compute with three colours of 0 to 255."""


@dataclass(frozen=True)
class Pixels:
    """Bands and depth of images that are read as they are stored.

    Attributes:
        bands: Number of bands of every image, 1 to 16.
        depth: Type of the values: ``uint8``, ``uint16`` or ``float32``.

    Raises:
        UserError: The number of bands or the type is another.
    """

    bands: int
    depth: str = 'uint8'

    def __post_init__(self) -> None:
        if not isinstance(self.bands, int) or not 1 <= self.bands <= MOST_BANDS:
            raise UserError(f'LoadImage: bands is 1 to {MOST_BANDS}, got {self.bands!r}')
        if self.depth not in DEPTHS:
            raise UserError(f'LoadImage: depth is one of {", ".join(DEPTHS)}, got {self.depth!r}')

    def __str__(self) -> str:
        return f'{self.bands} band{"s" if self.bands > 1 else ""} of {self.depth}'

    @property
    def step(self) -> str:
        """The config of the LoadImage step that reads such images."""
        return f"LoadImage(bands={self.bands}, depth='{self.depth}')"


def given_pixels(bands: int | None, depth: str) -> Pixels | None:
    """Bands and depth from the arguments of LoadImage; None if images are read as RGB of 8 bits.

    Raises:
        UserError: There is a depth without bands, or a value is not possible.
    """
    if bands is None and depth != 'uint8':
        raise UserError(f"LoadImage: depth='{depth}' needs the number of bands, e.g. bands=3")
    return None if bands is None else Pixels(bands, depth)


def pixels_of(steps: Iterable[Any]) -> Pixels | None:
    """Bands and depth that a pipeline's LoadImage names; None for RGB of 8 bits.

    Raises:
        UserError: Its bands or its depth are not possible.
    """
    for step in steps:
        if _name(step) in LOADERS and step.get('bands') is not None:
            return given_pixels(step['bands'], step.get('depth', 'uint8'))
    return None


def evaluated_pixels(cfg: Mapping[str, Any]) -> Pixels | None:
    """Bands and depth of the images that a config's evaluation reads; None for RGB of 8 bits.

    Predictions read their images in the same way.

    Raises:
        UserError: Bands or depth in LoadImage are not possible.
    """
    for split in ('test', 'val'):
        dataset = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
        if dataset:
            return pixels_of(pipeline_steps(dataset))
    return None


def pixel_faults(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about parts of a config that do not go with the bands and depth of its images."""
    by_split: dict[str, Pixels] = {}
    for split in SPLITS:
        steps = list(pipeline_steps((cfg.get(f'{split}_dataloader') or {}).get('dataset') or {}))
        try:
            pixels = pixels_of(steps)
        except UserError as error:
            yield f'{split}_dataloader: {error}'
            continue
        if pixels is None:
            continue
        by_split[split] = pixels
        for name in (_name(step) for step in steps):
            if name in COLOUR_STEPS and pixels != Pixels(3):
                yield (
                    f'{split}_dataloader: {name} computes with three colours of 0 to 255, the '
                    f'images have {pixels}; leave it out'
                )
    if len(set(by_split.values())) > 1:
        listing = ', '.join(f'{split} {pixels}' for split, pixels in by_split.items())
        yield f'LoadImage reads different pixels: {listing}; one network takes one kind'
    elif by_split and 'backbone' in (cfg.get('model') or {}):  # a wrapped one was checked before
        yield from _model_faults(cfg['model'], next(iter(by_split.values())))


def _name(step: Any) -> str:
    return type_name(step.get('type') if isinstance(step, Mapping) else None)


def _model_faults(model: Mapping[str, Any], pixels: Pixels) -> Iterator[str]:
    channels = (model.get('backbone') or {}).get('in_channels', 3)
    if channels != pixels.bands:
        yield (
            f'LoadImage reads {pixels}, model.backbone.in_channels is {channels}: '
            f'write in_channels={pixels.bands}'
        )
    preprocessor = model.get('data_preprocessor') or {}
    for key in ('mean', 'std'):
        values = preprocessor.get(key, (127.5,) * 3)  # one number fits any bands, None is none
        if isinstance(values, (list, tuple)) and len(values) not in (1, pixels.bands):
            yield (
                f'LoadImage reads {pixels}, model.data_preprocessor.{key} has {len(values)} '
                f'values: write {pixels.bands}, in the order of the bands in the files'
            )
    if pixels.bands == 3 and preprocessor.get('bgr_to_rgb', True):
        yield (
            'LoadImage(bands=3) leaves the bands in the order of the files: write '
            'model.data_preprocessor.bgr_to_rgb=False'
        )
