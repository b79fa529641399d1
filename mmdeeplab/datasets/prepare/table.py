"""The table of data sets: their archives, folders, names of files, splits and sizes.

The folders are those of mmsegmentation, so that data prepared for it can be used.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmdeeplab.datasets.prepare import label_tables

MASKS_AND_IMAGES = ('images', 'masks')


@dataclass(frozen=True)
class Archive:
    """An archive of a data set.

    Attributes:
        name: Name of the file, as its publisher gives it.
        page: Web page where it can be downloaded.
        into: Folder below the root into which it is unpacked.
        wanted: Regular expression for the members that are unpacked.
        gives: ``images``, ``masks``, or both.
        splits: Names of the splits that these belong to.
    """

    name: str
    page: str
    into: str
    wanted: str
    gives: tuple[str, ...]
    splits: tuple[str, ...] = ('train', 'val')


@dataclass(frozen=True)
class Split:
    """A split of a data set.

    Attributes:
        name: ``train`` or ``val``.
        count: Published number of its images.
        below: Its sub-folder in the folders of images and masks.
        listed: The archive's list of its ids; None if it consists of all files in ``below``.
        written: Name of the list that the configs read, if it is not ``name``.
    """

    name: str
    count: int
    below: str = ''
    listed: str | None = None
    written: str = ''

    @property
    def list_name(self) -> str:
        """Name of the split's list in ``ImageSets/Segmentation``."""
        return self.written or self.name


@dataclass(frozen=True)
class Files:
    """A sub-folder of a data set, and the suffix of its files behind the id."""

    folder: str
    suffix: str


@dataclass(frozen=True)
class DataSet:
    """A data set that papers report results on.

    Attributes:
        name: Its name in papers.
        folder: Its folder below the root.
        archives: The archives that it is made from.
        images: Folder and suffix of the images.
        masks: Folder and suffix of the masks that the configs read.
        splits: Its splits.
        example: A config that trains on it.
        raw: The publisher's masks, if their ids are not class ids.
        table: Makes the table from the publisher's ids to class ids.
    """

    name: str
    folder: str
    archives: tuple[Archive, ...]
    images: Files
    masks: Files
    splits: tuple[Split, ...]
    example: str
    raw: Files | None = None
    table: Callable[[], np.ndarray] | None = None


CITYSCAPES = DataSet(
    name='Cityscapes',
    folder='cityscapes',
    archives=(
        Archive(
            name='leftImg8bit_trainvaltest.zip',
            page='https://www.cityscapes-dataset.com/downloads (with an account)',
            into='cityscapes',
            wanted=r'leftImg8bit/(train|val)/\w+/\w+_leftImg8bit\.png',
            gives=('images',),
        ),
        Archive(
            name='gtFine_trainvaltest.zip',
            page='https://www.cityscapes-dataset.com/downloads (with an account)',
            into='cityscapes',
            wanted=r'gtFine/(train|val)/\w+/\w+_gtFine_labelIds\.png',
            gives=('masks',),
        ),
    ),
    images=Files('leftImg8bit', '_leftImg8bit.png'),
    masks=Files('gtFine', '_gtFine_labelTrainIds.png'),
    splits=(Split('train', 2_975, 'train'), Split('val', 500, 'val')),
    example='deeplabv3plus_xception_cityscapes',
    raw=Files('gtFine', '_gtFine_labelIds.png'),
    table=label_tables.cityscapes,
)
ADE20K = DataSet(
    name='ADE20K',
    folder='ade/ADEChallengeData2016',
    archives=(
        Archive(
            name='ADEChallengeData2016.zip',
            page='http://sceneparsing.csail.mit.edu',
            into='ade',
            wanted=r'ADEChallengeData2016/(images|annotations)/(training|validation)/\w+\.(jpg|png)',
            gives=MASKS_AND_IMAGES,
        ),
    ),
    images=Files('images', '.jpg'),
    masks=Files('annotations', '.png'),
    splits=(Split('train', 20_210, 'training'), Split('val', 2_000, 'validation')),
    example='deeplabv3plus_r50-d8-mmseg_ade20k',
)
COCO_STUFF = DataSet(
    name='COCO-Stuff 164k',
    folder='coco_stuff164k',
    archives=(
        *(
            Archive(
                name=f'{split}2017.zip',
                page='https://cocodataset.org/#download',
                into='coco_stuff164k/images',
                wanted=rf'{split}2017/\d+\.jpg',
                gives=('images',),
                splits=(split,),
            )
            for split in ('train', 'val')
        ),
        Archive(
            name='stuffthingmaps_trainval2017.zip',
            page='https://github.com/nightrome/cocostuff',
            into='coco_stuff164k/annotations',
            wanted=r'(train|val)2017/\d+\.png',
            gives=('masks',),
        ),
    ),
    images=Files('images', '.jpg'),
    masks=Files('annotations', '_labelTrainIds.png'),
    splits=(Split('train', 118_287, 'train2017'), Split('val', 5_000, 'val2017')),
    example='deeplabv3_r50-d8-mmseg_coco-stuff',
    raw=Files('annotations', '.png'),
    table=label_tables.coco_stuff,
)
PASCAL_CONTEXT = DataSet(
    name='PASCAL Context',
    folder='VOCdevkit/VOC2010',
    archives=(
        Archive(
            name='VOCtrainval_03-May-2010.tar',
            page='http://host.robots.ox.ac.uk/pascal/VOC/voc2010',
            into='',
            wanted=r'VOCdevkit/VOC2010/(JPEGImages/\w+\.jpg|ImageSets/Main/(train|val)\.txt)',
            gives=('images',),
        ),
        Archive(
            name='trainval.tar.gz',
            page='https://www.cs.stanford.edu/~roozbeh/pascal-context',
            into='VOCdevkit/VOC2010/pascal-context',
            wanted=r'trainval/\w+\.mat',
            gives=('masks',),
        ),
    ),
    images=Files('JPEGImages', '.jpg'),
    masks=Files('SegmentationClassContext', '.png'),
    splits=(
        Split('train', 4_998, listed='ImageSets/Main/train.txt', written='context_train'),
        Split('val', 5_105, listed='ImageSets/Main/val.txt', written='context_val'),
    ),
    example='deeplabv3plus_r101-d8-mmseg_pascal-context',
    raw=Files('pascal-context/trainval', '.mat'),
    table=label_tables.pascal_context,
)
# By the names of the command.
DATA_SETS = {
    'cityscapes': CITYSCAPES,
    'ade20k': ADE20K,
    'coco-stuff': COCO_STUFF,
    'pascal-context': PASCAL_CONTEXT,
}
