"""The metric of segmentation, for validation in training and for ``tools/test.py``."""

import re
from collections import Counter
from collections.abc import Sequence
from math import fsum, isnan

import torch
from mmengine import dist
from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub, MMLogger
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.bootstrap import RESAMPLES, intervals
from mmdeeplab.evaluation.boundary import RATIO, boundary_counts
from mmdeeplab.evaluation.confusion import class_ids, confusion_matrix, matrix_of, pair_counts
from mmdeeplab.evaluation.extremes import Extremes
from mmdeeplab.evaluation.loss import cross_entropy_sum
from mmdeeplab.evaluation.per_image import ImageStore, image_miou
from mmdeeplab.evaluation.result import Evaluation, EvaluationResult
from mmdeeplab.evaluation.scores import MEANS, mean, percent, plain, scores, table
from mmdeeplab.evaluation.trimap import band_labels
from mmdeeplab.finite import require_finite_logits
from mmdeeplab.label_counts import IGNORE_INDEX
from mmdeeplab.registry import METRICS


@METRICS.register_module()
class SegMetric(BaseMetric):
    """All scores of one int64 confusion matrix, summed over all ranks, with confidence intervals.

    Ranks exchange tensors of counts only (no files, no pickles), and images are ordered by their
    paths, so that any number of ranks gives the same result to the last digit. :meth:`evaluate`
    makes an :class:`~mmdeeplab.evaluation.result.EvaluationResult`; its four means go to the log,
    and the loss as ``val/loss``.

    Attributes:
        result: Result of the latest evaluation, for programs whose evaluator returns only numbers.

    Args:
        ignore_index: The id of void pixels, which are not counted.
        trimap: Widths in pixels of the bands of :func:`mmdeeplab.evaluation.trimap.band_labels`.
        boundary: Whether to measure Boundary IoU
            (:func:`mmdeeplab.evaluation.boundary.boundary_counts`); a number is the width of the
            boundary as a fraction of the diagonal, True stands for 0.02.
        loss: Whether to measure the loss.
        resamples: Number of draws for the intervals.
        examples: Number of best and of worst images whose predictions the result keeps.
        prefix: Prefix of the scores' names in the log.

    Raises:
        ValueError: A width is below 1, the fraction of the diagonal not between 0 and 1, or the
            number of examples negative.
    """

    default_prefix = ''

    def __init__(
        self,
        ignore_index: int = IGNORE_INDEX,
        trimap: Sequence[int] = (),
        boundary: bool | float = False,
        loss: bool = True,
        resamples: int = RESAMPLES,
        examples: int = 0,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        if any(width < 1 for width in trimap):
            raise ValueError(f'trimap must be widths of at least 1 pixel, got {tuple(trimap)}')
        if not 0 <= boundary <= 1:
            raise ValueError(f'boundary must be True, False or between 0 and 1, got {boundary}')
        if examples < 0:
            raise ValueError(f'examples must be at least 0, got {examples}')
        self.ignore_index = ignore_index
        self.trimap = tuple(trimap)
        self.boundary = RATIO if boundary is True else float(boundary)
        self.loss = loss
        self.resamples = resamples
        self.examples = examples
        self.result: EvaluationResult | None = None
        self._reset()

    def _reset(self) -> None:
        self._images = ImageStore()
        self._extremes = Extremes(self.examples)
        self._matrices: Tensor | int = 0  # of the whole image, then of each band
        self._boundary: Tensor | int = 0

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Add the pixels of one batch to the counts."""
        if not len(self._images):
            # MMEngine would show the last evaluation's loss beside this one's progress, and log
            # the mean of both; the name may have a prefix
            logged = MessageHub.get_current_instance().log_scalars
            for key in [k for k in logged if re.fullmatch(r'(val|test)/(.*/)?val/loss', k)]:
                del logged[key]
        classes = len(self._names())
        for sample in data_samples:
            label = class_ids(sample['gt_sem_seg']['data'].squeeze(0))
            prediction = class_ids(sample['pred_sem_seg']['data'].squeeze(0))
            path = str(sample.get('img_path') or f'image {len(self._images)}')
            name = str(sample.get('seg_map_path') or path)
            labels = [label]
            if self.trimap:
                labels += band_labels(label, self.trimap, self.ignore_index)
            counts, loss = self._counts(prediction, labels, sample, name)
            if isnan(loss) and self._has_loss(sample):  # free: the loss has read all logits
                require_finite_logits(torch.tensor(loss), sample)
            self._matrices = self._matrices + torch.stack(counts)
            if self.boundary:
                self._boundary = self._boundary + boundary_counts(
                    prediction, label, classes, self.boundary, self.ignore_index
                )
            shown = self._images.add(path, counts[0], loss)
            if self.examples:
                self._extremes.add(path, image_miou(shown), prediction)

    def _counts(
        self, prediction: Tensor, labels: list[Tensor], sample: dict, name: str
    ) -> tuple[list[Tensor], float]:
        """The confusion matrix for each label, and the loss, read from a GPU in one transfer."""
        classes, void = len(self._names()), self.ignore_index
        if prediction.device.type == 'cpu':
            matrices = [confusion_matrix(prediction, part, classes, void, name) for part in labels]
            loss = self._loss(sample, labels[0])
            return matrices, float('nan') if loss is None else float(loss)
        rows = [pair_counts(prediction, part, classes, void) for part in labels]
        valid = (labels[0] >= 0) & (labels[0] < classes)  # others make the loss fail
        loss = self._loss(sample, labels[0].masked_fill(~valid, void))
        last = rows[0].new_zeros(1) if loss is None else loss.view(1).view(torch.int64)
        *counts, last = torch.cat([*rows, last]).cpu().split([*map(len, rows), 1])
        matrices = [
            matrix_of(row, prediction, part, classes, void, name)
            for row, part in zip(counts, labels, strict=True)
        ]
        return matrices, float('nan') if loss is None else float(last.view(torch.float64))

    def _has_loss(self, sample: dict) -> bool:
        classes = len(self._names())
        logits = sample.get('seg_logits', {}).get('data')
        alone = logits is not None and len(logits) == 1 and classes == 2  # one channel: class 1
        return self.loss and logits is not None and (alone or len(logits) == classes)

    def _loss(self, sample: dict, label: Tensor) -> Tensor | None:
        """The loss summed over the pixels of an image, () float64; None without logits."""
        if not self._has_loss(sample):
            return None
        logits = sample['seg_logits']['data']
        if len(logits) == 1:  # mmseg stores the foreground's probability
            rounding = torch.finfo(torch.float32).eps
            logits = logits.float().logit(rounding)
            logits = torch.cat([torch.zeros_like(logits), logits])
        return cross_entropy_sum(logits, label, self.ignore_index)

    def evaluate(self, size: int) -> Evaluation:
        """Sum the counts of all ranks; return the scores for the log, with the whole ``result``.

        Args:
            size: Number of images in the data set.

        Raises:
            UserError: Not every image was counted exactly once.
        """
        self.result = result = self._measure(size)
        if dist.is_main_process():
            MMLogger.get_current_instance().info('\n' + table(result.as_dict()))
        evaluation = Evaluation(result.logged(self.prefix))
        evaluation.result = result
        return evaluation

    def _measure(self, size: int) -> EvaluationResult:
        classes = told_apart(self._names())
        matrices = summed(self._matrices, (1 + len(self.trimap), len(classes), len(classes)))
        boundary = summed(self._boundary, (2, len(classes)))
        images = self._images.gather(len(classes))
        predictions = self._extremes.gather() if self.examples else {}
        self._reset()
        if len(images.paths) != size:
            raise UserError(
                f'{len(images.paths)} images were evaluated, the data set has {size}: set '
                'sampler=dict(type="DefaultSampler", shuffle=False, round_up=False), so that no '
                'rank sees an image twice'
            )
        whole, *bands = (scores(matrix, classes) for matrix in matrices.numpy())
        around = intervals(images, self.resamples)
        for row, interval in zip(whole['per_class'].values(), around.pop('per_class'), strict=True):
            row['interval'] = interval
        pixels = int(matrices[0].sum())
        has_loss = pixels and self.loss and not any(map(isnan, images.losses))
        by_width = zip(map(str, self.trimap), bands, strict=True)
        return EvaluationResult(
            means={key: whole.pop(key) for key in MEANS},
            **whole,
            num_images=size,
            intervals=around,
            per_image=images.report(),
            loss=fsum(images.losses) / pixels if has_loss else None,
            trimap={width: band['mIoU'] for width, band in by_width} if bands else None,
            boundary_iou=self._boundary_iou(boundary, classes) if self.boundary else None,
            predictions=predictions,
        )

    def _boundary_iou(self, counts: Tensor, classes: Sequence[str]) -> dict:
        iou = percent(*counts.numpy())
        per_class = dict(zip(classes, map(plain, iou), strict=True))
        return dict(mean=plain(mean(iou)), ratio=self.boundary, per_class=per_class)

    def compute_metrics(self, results: list) -> dict:
        """Not used: :meth:`evaluate` uses sums of counts, not a list of results."""
        raise NotImplementedError

    def _names(self) -> Sequence[str]:
        if not self.dataset_meta or 'classes' not in self.dataset_meta:
            raise UserError('the data set names no classes; give it a classes.txt')
        names: Sequence[str] = self.dataset_meta['classes']
        return names


def told_apart(names: Sequence[str]) -> list[str]:
    """Names of classes; one that occurs twice gets its id behind it."""
    counts = Counter(names)
    return [f'{name} ({i})' if counts[name] > 1 else name for i, name in enumerate(names)]


def summed(counts: Tensor | int, shape: tuple[int, ...]) -> Tensor:
    """Counts summed over all ranks, on the CPU; a rank without an image has 0."""
    total = torch.zeros(shape, dtype=torch.int64) if isinstance(counts, int) else counts.clone()
    dist.all_reduce(total)
    return total.cpu()
