"""The options of an evaluation, and how they change its config before anything is built."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdeeplab.config.changes import ConfigChange, with_hooks, with_settings, with_work_dir
from mmdeeplab.config.protocols import with_protocol
from mmdeeplab.engine.hooks.data_check import with_data_check
from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.evaluator import seg_metric_configs
from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.inference.options import InferenceOptions
from mmdeeplab.inference.wrap import with_crf
from mmdeeplab.report.run import with_report


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation, besides those of every config.

    Attributes:
        name: Name of the config, which is also the default name of the work dir.
        checkpoint: The file of the weights.
        inference: How the network is run.
        work_dir: Folder of the logs.
        trimap: Widths in pixels of bands around borders that are scored in addition.
        boundary: Whether Boundary IoU is measured: True, or its width as a fraction of the image's
            diagonal.
        save_masks: ``'plain'``, ``'voc'``, or None for no masks.
    """

    name: str
    checkpoint: str
    inference: InferenceOptions
    work_dir: str | None = None
    trimap: Sequence[int] | None = None
    boundary: bool | float | None = None
    save_masks: str | None = None

    def changes(self, protocol: str, out: Path | None = None) -> list[ConfigChange]:
        """The changes that the options make to a config, in order.

        Args:
            protocol: One of the config's protocols, or ``custom`` for its own test settings.
            out: The folder of the report.
        """
        # The policy of BatchNorm is about training: here the layers are the checkpoint's.
        weights = dict(load_from=self.checkpoint, resume=False, bn_policy=None)
        changes: list[ConfigChange] = [
            partial(with_work_dir, work_dir=self.work_dir, name=self.name),
            partial(with_settings, values=weights),
            partial(with_measures, trimap=self.trimap, boundary=self.boundary),
            with_data_check,
            partial(with_protocol, name=protocol),
            *self.inference.changes(),
        ]
        if self.inference.crf:
            changes.append(with_crf)
        if self.inference.fast:
            changes.append(partial(with_fast_engine, options=self.inference))
        if out:
            changes.append(partial(with_report, out=out, save_masks=self.save_masks))
        return changes


def with_fast_engine(cfg: Config, options: InferenceOptions) -> Config:
    """``cfg`` with the hook that evaluates by the fast engine."""
    hook = dict(type='mmdeeplab.FastHook', fast=options.fast, keep_logits=options.crf)
    return with_hooks(cfg, hook)


def with_measures(
    cfg: Config, trimap: Sequence[int] | None, boundary: bool | float | None
) -> Config:
    """``cfg`` with a metric that also scores bands around borders and Boundary IoU.

    Raises:
        UserError: None of the config's metrics is ours, or a width is not possible.
    """
    options = dict(trimap=trimap, boundary=boundary)
    measures: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if not measures:
        return cfg
    changed = copy.deepcopy(cfg)
    metrics = seg_metric_configs(changed.test_evaluator)
    if not metrics:
        raise UserError(
            "--trimap and --boundary need dict(type='mmdeeplab.SegMetric') in test_evaluator"
        )
    try:
        SegMetric(**measures)
    except ValueError as error:
        raise UserError(f'--{error}') from error
    for metric in metrics:
        metric.update(measures)
    return changed
