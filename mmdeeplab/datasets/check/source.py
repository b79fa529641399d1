"""One list of samples and the folders of their images and masks."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.datasets.files_by_id import FilesById
from mmdeeplab.datasets.label_ids import PLAIN, LabelIds


@dataclass(frozen=True)
class Source:
    """A list of samples with the folders of their images and masks.

    Attributes:
        root: The data root.
        split: Name of the list.
        images: Folder of the images.
        masks: Folder of the masks.
        image_suffixes: Suffixes that the images' names may have behind the id.
        mask_suffixes: Suffixes that the masks' names may have behind the id.
        classes: Names in id order.
        follow_links: Also read files that are links to places outside the root.
        label_ids: What the ids of the masks mean.
        indices: The samples of the list that are used, as in MMEngine's data sets; None: all.
        pixels: Bands and depth if images are read as they are stored; None: RGB of 8 bits.
        labelled: Whether there are masks; otherwise their folder is not looked at.
        keys: Where it stands in the config, e.g. ``train_dataloader.dataset``.
    """

    root: Path
    split: str
    images: Path
    masks: Path
    image_suffixes: tuple[str, ...]
    mask_suffixes: tuple[str, ...]
    classes: tuple[str, ...]
    follow_links: bool = False
    label_ids: LabelIds = PLAIN
    indices: int | tuple[int, ...] | None = None
    pixels: Pixels | None = None
    labelled: bool = True
    keys: tuple[str, ...] = field(default=(), compare=False)

    @property
    def list(self) -> Path:
        return self.root / 'ImageSets' / 'Segmentation' / f'{self.split}.txt'

    @property
    def roles(self) -> tuple[str, ...]:
        """The splits of the config that use it: train, val, test."""
        return tuple(dict.fromkeys(key.partition('_dataloader')[0] for key in self.keys))

    @property
    def role(self) -> str:
        return ', '.join(self.roles)

    @property
    def key(self) -> str:
        """What the check of a file depends on besides the file itself, for the cache."""
        folders = [os.path.realpath(files.folder) for files in self.files.values()]
        suffixes = ['|'.join(files.suffixes) for files in self.files.values()]
        return '\n'.join((*folders, *suffixes, *([str(self.pixels)] if self.pixels else [])))

    @cached_property
    def files(self) -> dict[str, FilesById]:
        """``image`` and, unless the list is unlabelled, ``mask``: the files, found by id."""
        both = dict(image=self.image_files, mask=self.mask_files)
        return both if self.labelled else dict(image=self.image_files)

    @cached_property
    def image_files(self) -> FilesById:
        """The images of the source, found by id."""
        return FilesById(self.images, self.image_suffixes)

    @cached_property
    def mask_files(self) -> FilesById:
        """The masks of the source, found by id."""
        return FilesById(self.masks, self.mask_suffixes)

    def image(self, name: str) -> Path:
        return self.image_files.path(name)

    def mask(self, name: str) -> Path:
        return self.mask_files.path(name)
