"""Distillation of a trained network into a smaller one (arXiv 1503.02531)."""

import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import BaseLoop, Runner
from mmengine.structures import PixelData

from mmdeeplab.checkpoint.class_order import data_classes, require_order
from mmdeeplab.checkpoint.fine_tune import class_names
from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.config.options import ConfigOptions
from mmdeeplab.engine.teachers.teacher import Teacher, scores_of
from mmdeeplab.errors import UserError
from mmdeeplab.inference.build import load_segmentor, make_config
from mmdeeplab.models.losses.distillation import TEACHER
from mmdeeplab.models.segmentors import MSC, EncoderDecoder
from mmdeeplab.registry import HOOKS


@HOOKS.register_module()
class DistillationHook(Teacher, Hook):
    """Train the network also on what a trained one, the teacher, says of the same images.

    Before each step the teacher, frozen and in evaluation, scores the images as they are cut and
    coloured for the step, by its own normalisation. The losses of the config then have one more,
    ``decode.loss_distill`` (:func:`mmdeeplab.models.losses.distillation.distillation_loss`). The
    teacher is no part of the network and in none of its checkpoints: evaluation does without it, a
    resumed training reads it anew.

    Args:
        teacher: Its config, by file or name, or a model of ``mmdeeplab weights list``.
        checkpoint: Its weights: a file or a work dir; a model of the list brings its own.
        temperature: Above 1 the lesser classes of the teacher count for more.
        weight: Weight of the loss.

    Raises:
        UserError: The temperature is not above 0, or the weight below 0. At the start of a
            training: there is no such teacher, its classes are not those of the data, or the
            network is not :class:`mmdeeplab.models.segmentors.encoder_decoder.EncoderDecoder`.
    """

    priority = 'BELOW_NORMAL'  # after a mean teacher has mixed the images

    def __init__(
        self,
        teacher: str,
        checkpoint: str | None = None,
        *,
        temperature: float = 2.0,
        weight: float = 1.0,
    ) -> None:
        if temperature <= 0 or weight < 0:
            raise UserError(
                'DistillationHook needs temperature > 0 and weight >= 0, got '
                f'temperature={temperature}, weight={weight}'
            )
        self.names = (teacher, checkpoint)
        self.settings = dict(temperature=temperature, weight=weight)
        self.teacher: BaseModel | None = None

    def before_run(self, runner: Runner) -> None:
        if not isinstance(runner._train_loop, BaseLoop):  # it evaluates
            return
        student = unwrap(runner.model)
        if not isinstance(student, EncoderDecoder) or isinstance(student, MSC):
            raise UserError(
                'DistillationHook needs model.type=mmdeeplab.EncoderDecoder, got '
                f'{type(student).__name__}'
            )
        cfg, path = make_config(*self.names, ConfigOptions(), ())
        device = str(next(student.parameters()).device)
        with torch.random.fork_rng(devices=[]):  # the student begins as without a teacher
            self.teacher, checkpoint = load_segmentor(cfg, path, device)
        classes, root = data_classes(runner)
        require_order(class_names(checkpoint), classes, path, root)
        counts = [network.decode_head.out_channels for network in (self.teacher, student)]
        if counts[0] != counts[1] or counts[0] == 1:
            raise UserError(
                f'DistillationHook: the teacher {path} has {counts[0]} logits a pixel and the '
                f'network {counts[1]}; both must have one a class'
            )
        runner.logger.info(f'distillation: the teacher is {path}')

    def teach(self, runner: Runner, batch: dict) -> None:
        """Give the samples of a batch the teacher's scores."""
        assert self.teacher is not None
        teacher_scores = scores_of(self.teacher, list(batch['inputs']), runner)
        for sample, scores in zip(batch['data_samples'], teacher_scores, strict=True):
            sample.set_data({TEACHER: PixelData(metainfo=self.settings, data=scores)})
