"""What teachers of a network have in common: they see each batch before its step."""

from abc import ABC, abstractmethod

import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor


class Teacher(ABC):
    """Mix-in for hooks that add to a batch what another network makes of its images."""

    @abstractmethod
    def teach(self, runner: Runner, batch: dict) -> None:
        """Change ``batch``, which is as the data loader gave it, in place.

        Args:
            runner: The run.
            batch: ``inputs``: N images (C, H_i, W_i); ``data_samples``: N SegDataSamples.
        """

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        assert data_batch is not None
        self.teach(runner, data_batch)


@torch.no_grad()
def scores_of(teacher: BaseModel, images: list[Tensor], runner: Runner) -> list[Tensor]:
    """The float32 logits (classes, H_i, W_i) of a teacher in evaluation for each image.

    Its own preprocessor normalises and pads them as one training batch.

    Args:
        teacher: A segmentor.
        images: (C, H_i, W_i) each, as the data loader gives them.
        runner: The run, whose optimiser wrapper sets the precision.
    """
    inputs = teacher.data_preprocessor(dict(inputs=images), True)['inputs']
    with runner.optim_wrapper.optim_context(runner.model):
        logits = teacher.encode_decode(inputs, [dict(img_shape=inputs.shape[2:])] * len(inputs))
    return [
        scores[:, : image.shape[1], : image.shape[2]].float()
        for scores, image in zip(logits, images, strict=True)
    ]
