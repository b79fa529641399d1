"""Write the predicted masks of a test as palette PNGs."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeeplab.evaluation.confusion import class_ids
from mmdeeplab.evaluation.per_image import short_names
from mmdeeplab.registry import HOOKS
from mmdeeplab.visualization.colorize import palette_picture


@HOOKS.register_module()
class MaskHook(Hook):
    """During a test, write the predicted mask of every image to ``OUT/ID.png``.

    Sub-folders of the images are kept.

    Args:
        out: Folder for the masks, which is made if it is missing.
    """

    def __init__(self, out: str) -> None:
        self.out = Path(out)

    def before_test(self, runner: Runner) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        self.names = image_names(runner.test_dataloader.dataset)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        for sample in outputs or ():
            labels = class_ids(sample.pred_sem_seg.data[0]).cpu().numpy()
            path = self.out / f'{self.names[sample.img_path]}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            palette_picture(labels).save(path)


def image_names(dataset: BaseDataset) -> dict[str, str]:
    """Names of the images of a data set, by path: relative to their common folder.

    So images of the same name in two folders get different names.
    """
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    return dict(zip(paths, short_names(paths), strict=True))
