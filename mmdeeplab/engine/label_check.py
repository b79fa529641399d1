"""Look at every label before the first step, not after hours."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from mmengine import dist
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm

from mmdeeplab.datasets.loading import check_ids, read_mask
from mmdeeplab.engine.checkpoint import unwrap
from mmdeeplab.errors import UserError
from mmdeeplab.registry import HOOKS


@HOOKS.register_module()
class LabelCheckHook(Hook):
    """Decode all masks of a run before it starts; refuse ids outside the classes.

    Also refuses a data set whose number of classes is not the network's.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        loops = [runner.train_loop, runner.val_loop]
        self._check(runner, [loop.dataloader.dataset for loop in loops if loop is not None])

    def before_val(self, runner: Runner) -> None:
        if runner._train_loop is None:  # validation alone; in training both were checked
            self._check(runner, [runner.val_loop.dataloader.dataset])

    def before_test(self, runner: Runner) -> None:
        self._check(runner, [runner.test_loop.dataloader.dataset])

    def _check(self, runner: Runner, datasets: list[BaseDataset]) -> None:
        model = unwrap(runner.model)
        for dataset in datasets:
            check_classes(dataset, model.num_classes)
            if dist.is_main_process():
                check_labels(dataset)


def check_classes(dataset: BaseDataset, num_classes: int) -> None:
    """The network must have one output a class."""
    found = len(dataset.metainfo['classes'])
    if found != num_classes:
        raise UserError(
            f'model.decode_head.num_classes is {num_classes}, but {dataset.data_root} has '
            f"{found} classes (its classes.txt, or VOC's 21 without one): "
            f'--cfg-options model.decode_head.num_classes={found}'
        )


def check_labels(dataset: BaseDataset) -> None:
    """Decode every mask of ``dataset`` once.

    Raises:
        UserError: At the first mask that cannot be read or holds an id outside the classes.
    """
    paths = [dataset.get_data_info(i)['seg_map_path'] for i in range(len(dataset))]
    paths = list(dict.fromkeys(paths))
    check = partial(_check_file, num_classes=len(dataset.metainfo['classes']))
    with ThreadPoolExecutor() as pool:
        bar = tqdm(pool.map(check, paths), 'checking labels', len(paths), leave=False, disable=None)
        for _ in bar:
            pass


def _check_file(path: str, num_classes: int) -> None:
    check_ids(read_mask(Path(path)), num_classes, path)
