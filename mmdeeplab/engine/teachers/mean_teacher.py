"""Mean teacher (arXiv 1703.01780) with FixMatch's pseudo labels (arXiv 2001.07685) and CutMix."""

import random
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from mmengine.structures import PixelData
from torch import Tensor

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.data import datasets
from mmdeeplab.engine.teachers.teacher import Teacher, scores_of
from mmdeeplab.errors import UserError
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.randomness import derive
from mmdeeplab.registry import HOOKS

Box = tuple[slice, slice]
"""Rows and columns of a box in an image."""


@HOOKS.register_module()
class MeanTeacherHook(Teacher, EMAHook):
    """Label images without masks by the average of the network's weights, the teacher.

    Before each step the teacher labels the weak view of each such image
    (:class:`mmdeeplab.datasets.transforms.pack.PackTwoViews`). A pixel whose largest probability is
    below ``threshold`` is void; the step then trains on the strong view as on any labelled image,
    by the losses of the config. With chance ``cutmix`` a box of the next unlabelled image of the
    batch and its labels replaces that part of one (arXiv 1905.04899; FixMatch and CutMix in
    segmentation: arXiv 2208.09910). The log has the share of pixels that are labelled so,
    ``confident``.

    Weights and, by default, BatchNorm's statistics are averaged as MMEngine's ``EMAHook`` does, by
    the momentum ``max(momentum, gamma / (gamma + step))``. Validation, test and checkpoints have
    the teacher's weights; those of the student are in the checkpoint's ``ema_state_dict``.

    Args:
        threshold: Least probability of a label, from 0 to below 1.
        cutmix: Chance of a box in an image, from 0 to 1.
        momentum: Share of the new weights in the average.
        gamma: The larger, the longer the share of new weights is a larger one at the start.
        kwargs: MMEngine's ``EMAHook``.

    Raises:
        UserError: An argument is out of its range, or, at the start of a training, no list is
            without masks, the network has one logit a pixel, or there is another ``EMAHook``.
    """

    def __init__(
        self,
        threshold: float = 0.95,
        cutmix: float = 0.5,
        *,
        momentum: float = 0.004,
        gamma: int = 1,
        update_buffers: bool = True,
        **kwargs: Any,
    ) -> None:
        average: dict[str, Any] = dict(momentum=momentum, update_buffers=update_buffers)
        if kwargs.setdefault('ema_type', 'MomentumAnnealingEMA') == 'MomentumAnnealingEMA':
            average['gamma'] = gamma
        super().__init__(**average, **kwargs)
        if not 0 <= threshold < 1 or not 0 <= cutmix <= 1:
            raise UserError(
                'MeanTeacherHook needs 0 <= threshold < 1 and 0 <= cutmix <= 1, got '
                f'threshold={threshold}, cutmix={cutmix}'
            )
        self.threshold, self.cutmix = threshold, cutmix
        self.confident: Tensor | None = None

    def before_run(self, runner: Runner) -> None:
        super().before_run(runner)
        self.ema_model.eval()

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if not reads_unlabelled(runner.cfg):
            raise UserError(
                'MeanTeacherHook: no data set of train_dataloader has mask_dir=None, so there is '
                'no image to label'
            )
        if unwrap(runner.model).decode_head.out_channels == 1:
            raise UserError('MeanTeacherHook needs a logit for each class: decode_head has one')
        if not self.ema_model.steps:  # EMAHook copied the network before its weights were drawn
            self.ema_model.module.load_state_dict(unwrap(runner.model).state_dict())

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        super().after_train_iter(runner, *args, **kwargs)
        if self.confident is not None:  # read where the step has waited for a GPU anyway
            runner.message_hub.update_scalar('train/confident', self.confident)

    def teach(self, runner: Runner, batch: dict) -> None:
        """Give labels to the images of a batch that have a weak view, and mix them."""
        samples = batch['data_samples']
        unlabelled = [i for i, sample in enumerate(samples) if 'weak_view' in sample]
        if not unlabelled:
            return
        weak_views = [samples[i].weak_view.data for i in unlabelled]
        labels = [
            pseudo_labels(scores, self.threshold)
            for scores in scores_of(self.ema_model.module, weak_views, runner)
        ]
        pixels = torch.cat([label.flatten() for label in labels])
        self.confident = pixels.ne(IGNORE_INDEX).float().mean()
        images = [batch['inputs'][i] for i in unlabelled]
        draw = random.Random(derive('cutmix', runner.seed or 0, runner.iter, runner.rank))
        mixed = cutmix(images, labels, self.cutmix, draw)
        inputs = list(batch['inputs'])
        for i, (image, label) in zip(unlabelled, mixed, strict=True):
            inputs[i] = image
            samples[i].gt_sem_seg = PixelData(data=label)
            del samples[i].weak_view
        batch['inputs'] = inputs


def reads_unlabelled(cfg: Config) -> bool:
    """Whether the training data of a config has a list of images without masks."""
    return any(node.get('mask_dir', '') is None for node in datasets(cfg, 'train'))


def require_teacher(cfg: Config, hooks: Sequence[Hook]) -> None:
    """Refuse images without masks where nothing labels them.

    Raises:
        UserError: There is a list of them, and no hook labels.
    """
    if reads_unlabelled(cfg) and not any(isinstance(hook, MeanTeacherHook) for hook in hooks):
        raise UserError(
            'train_dataloader has images without masks (mask_dir=None), which nothing labels: '
            "custom_hooks=[*_base_.custom_hooks, dict(type='mmdeeplab.MeanTeacherHook')]"
        )


def pseudo_labels(scores: Tensor, threshold: float) -> Tensor:
    """(1, H, W) uint8: the class of each pixel, void where its probability is below ``threshold``.

    Args:
        scores: Logits (classes, H, W).
        threshold: Least probability of a label.
    """
    largest, label = scores.softmax(0).max(0, keepdim=True)
    return label.masked_fill(largest < threshold, IGNORE_INDEX).to(torch.uint8)


def cutmix(
    images: list[Tensor], labels: list[Tensor], chance: float, draw: random.Random
) -> list[tuple[Tensor, Tensor]]:
    """Each image (C, H, W) and its label (1, H, W), perhaps with a box of those that follow.

    Args:
        images: Images of any sizes; the box lies where both images are.
        labels: Labels of the images.
        chance: Chance of a box in an image.
        draw: Source of the random numbers.
    """
    mixed = []
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        other = (i + 1) % len(images)
        if other != i and draw.random() < chance:
            sides = zip(image.shape[1:], images[other].shape[1:], strict=True)
            height, width = map(min, sides)
            rows, columns = draw_box(height, width, draw)
            image, label = image.clone(), label.clone()
            image[:, rows, columns] = images[other][:, rows, columns]
            label[:, rows, columns] = labels[other][:, rows, columns]
        mixed.append((image, label))
    return mixed


def draw_box(height: int, width: int, draw: random.Random) -> Box:
    """A box inside of (H, W): 2 to 40 % of the area, sides 0.3 to 1 / 0.3 of each other."""
    area, ratio = draw.uniform(0.02, 0.4) * height * width, draw.uniform(0.3, 1 / 0.3)
    h, w = min(round((area * ratio) ** 0.5), height), min(round((area / ratio) ** 0.5), width)
    top, left = draw.randint(0, height - h), draw.randint(0, width - w)
    return slice(top, top + h), slice(left, left + w)
