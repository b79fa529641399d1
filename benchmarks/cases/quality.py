"""A trained network, eager and fast: what its validation split scores beside the speed."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmseg.datasets import BaseSegDataset
from torch import Tensor

from benchmarks import networks
from benchmarks.case import Comparison, Scale, Skip, Trained, Variant, Within, Work
from benchmarks.cases.inference import FAST
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.cli.common import require_data
from mmdeeplab.config.load import load_config
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.engine.hooks.accelerate import LOWER, training_pictures
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.confusion import confusion_matrix
from mmdeeplab.evaluation.scores import scores
from mmdeeplab.inference.accelerate import Tolerance, engines_used
from mmdeeplab.inference.accelerate.engine import precision
from mmdeeplab.inference.predictor import DeepLabPredictor
from mmdeeplab.registry import DATASETS
from mmdeeplab.spread import spread

REFERENCE = 'eager'
ANY = Tolerance(100, 0, None)
BOUNDS = {'fast bf16': 0.2, 'fast int8': 1.0}  # points of mIoU


def setup(scale: Scale) -> list[Comparison]:
    """One comparison, its whole split scored by every way before anything is timed.

    Raises:
        Skip: No trained network was named.
    """
    if scale.trained is None:
        raise Skip('it needs --config CONFIG --checkpoint FILE --data-root DIR')
    cfg = read(scale.trained)
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    if not len(dataset):
        raise UserError(f'the validation split of {scale.trained.data_root} is empty')
    ways, reasons = build(cfg, scale.trained.checkpoint, dataset[0])
    score(ways, dataset)
    timed = timed_pictures(dataset, scale.of(8, 2))
    variants = [Variant(name, partial(ready, name, ways, reasons, timed)) for name in FAST]
    title = f'{Path(scale.trained.config).stem}, {len(dataset)} pictures of the validation split'
    return [Comparison(title, tuple(variants), REFERENCE)]


def read(trained: Trained) -> Config:
    """Load the config, with its data sets in the folder that was named.

    Raises:
        UserError: No such config, or no such data.
    """
    cfg = load_config(trained.config, ConfigOptions(data_root=trained.data_root))
    require_data(cfg, 'train', 'val')
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    return cfg


def timed_pictures(dataset: BaseSegDataset, count: int) -> list[np.ndarray]:
    """Some pictures (H, W, 3) uint8 RGB as the split's pipeline gives them."""
    indices = spread(range(len(dataset)), count)
    return [dataset[i]['inputs'].numpy().transpose(1, 2, 0)[..., ::-1] for i in indices]


class Way:
    """Our predictor in one precision, used even if its labels differ, since that is measured.

    Attributes:
        mean: mIoU over the split in percent.
        pixels: Of the split.
        others: How many of them have another label than the reference's.
    """

    def __init__(
        self, name: str, cfg: Config, checkpoint: str, calibration: list[np.ndarray]
    ) -> None:
        self.fast = FAST[name]
        self.predictor = DeepLabPredictor(
            cfg,
            checkpoint,
            'cpu',
            mode='whole',
            keep_logits=False,
            fast=self.fast,
            calibration=calibration if self.fast in LOWER else (),
            tolerance=ANY,
        )
        self.network = unwrap(self.predictor.model)
        self.mean, self.pixels, self.others = float('nan'), 0, 0

    @property
    def used(self) -> list[str]:
        """Names of the engines that ran."""
        return engines_used(self.predictor.model)

    @torch.no_grad()
    def labels(self, item: dict) -> Tensor:
        """The label map (H, W) of an item of the split, as an evaluation makes it."""
        (sample,) = self.predictor.model.test_step(pseudo_collate([item]))
        return sample.pred_sem_seg.data[0]


def build(cfg: Config, checkpoint: str, item: dict) -> tuple[dict[str, Way], dict[str, str]]:
    """Every way that labels an item in its own precision, and why the others do not."""
    calibration = [picture for picture, _ in training_pictures(cfg)]
    ways, reasons = {REFERENCE: Way(REFERENCE, cfg, checkpoint, calibration)}, {}
    for name in (name for name in FAST if name != REFERENCE):
        way = Way(name, cfg, checkpoint, calibration)
        way.labels(item)
        if way.used == ['plain'] or precision(way.used) != way.fast:
            reasons[name] = f'{", ".join(way.used)} runs instead'
        else:
            ways[name] = way
    return ways, reasons


def score(ways: dict[str, Way], dataset: BaseSegDataset) -> None:
    """Let every way label the whole split; note mIoU and agreement."""
    classes = dataset.metainfo['classes']
    matrices = {name: torch.zeros(len(classes), len(classes), dtype=torch.int64) for name in ways}
    for i in range(len(dataset)):
        item = dataset[i]
        truth = item['data_samples'].gt_sem_seg.data[0]
        path = item['data_samples'].img_path
        predictions = {name: way.labels(item) for name, way in ways.items()}
        for name, labels in predictions.items():
            counts = confusion_matrix(labels, truth, len(classes), dataset.ignore_index, path)
            matrices[name] += counts
            ways[name].pixels += labels.numel()
            ways[name].others += int((labels != predictions[REFERENCE]).sum())
    for name, way in ways.items():
        mean = scores(matrices[name].numpy(), classes)['mIoU']
        way.mean = float('nan') if mean is None else mean


def ready(
    name: str, ways: dict[str, Way], reasons: dict[str, str], pictures: list[np.ndarray]
) -> Work:
    """The work of one way: its predictor on the pictures, one after the other.

    Raises:
        Skip: Its engine does not run here.
    """
    if name in reasons:
        raise Skip(reasons[name])
    way, plain = ways[name], ways[REFERENCE]
    notes = dict(engine=', '.join(way.used), mIoU=f'{way.mean:.2f}')
    if way is not plain:
        share = 1 - way.others / way.pixels
        notes['labels as eager'] = f'{share:.6f} ({way.others} of {way.pixels} differ)'
    network, cost = plain.network, 0
    for picture in pictures:
        shape = (1, 3, *plain.predictor.padded_size(picture))
        cost += networks.multiply_adds(lambda x: network(x, mode='tensor'), shape)
    return Work(
        lambda: [way.predictor(picture).labels for picture in pictures],
        len(pictures),
        networks.parameters(network),
        cost,
        networks.LIMITS.get(str(FAST[name]), 'fp32'),
        notes=notes,
        within=Within('mIoU', BOUNDS[name], way.mean - plain.mean) if name in BOUNDS else None,
    )
