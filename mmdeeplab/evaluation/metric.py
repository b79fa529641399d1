"""The metric that MMEngine's evaluator runs, in training and in ``tools/test.py`` alike."""

from collections.abc import Sequence

import torch
from mmengine import dist
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.confusion import confusion_matrix, scores, table
from mmdeeplab.evaluation.trimap import band_labels
from mmdeeplab.registry import METRICS


@METRICS.register_module()
class SegMetric(BaseMetric):
    """IoU and accuracy from one int64 confusion matrix, summed over all ranks.

    Only counts travel between ranks (no files, no pickles), so any number of ranks gives the same
    result to the last digit. After an evaluation ``result`` holds everything that
    :func:`mmdeeplab.evaluation.confusion.scores` returns, and ``num_images``; with ``trimap`` also
    ``trimap``: the mIoU within each band around the borders, by its width as text.

    Args:
        ignore_index: Label that is not counted.
        trimap: Widths in pixels of the bands of :func:`mmdeeplab.evaluation.trimap.band_labels`.
        prefix: Prefix of the metrics' names in the log.

    Raises:
        ValueError: A width below 1.
    """

    default_prefix = ''

    def __init__(
        self, ignore_index: int = 255, trimap: Sequence[int] = (), prefix: str | None = None
    ) -> None:
        super().__init__(prefix=prefix)
        if any(width < 1 for width in trimap):
            raise ValueError(f'trimap must be widths of at least 1 pixel, got {tuple(trimap)}')
        self.ignore_index = ignore_index
        self.trimap = tuple(trimap)
        self.result: dict = {}
        self._matrices: torch.Tensor | None = None  # of the whole image, then one a band
        self._images = 0

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count one batch."""
        classes = len(self._meta()['classes'])
        for sample in data_samples:
            label = sample['gt_sem_seg']['data'].squeeze(0)
            labels = [label]
            if self.trimap:
                labels += band_labels(label, self.trimap, self.ignore_index)
            prediction = sample['pred_sem_seg']['data'].squeeze(0)
            name = str(sample.get('seg_map_path') or sample.get('img_path', 'a batch'))
            counts = torch.stack(
                [
                    confusion_matrix(prediction, part, classes, self.ignore_index, name)
                    for part in labels
                ]
            )
            self._matrices = counts if self._matrices is None else self._matrices + counts
            self._images += 1

    def evaluate(self, size: int) -> dict[str, float]:
        """Sum the ranks' counts; return the means.

        Args:
            size: Images in the data set.

        Raises:
            UserError: Not every image was counted exactly once.
        """
        classes = self._meta()['classes']
        matrices = self._matrices
        if matrices is None:
            shape = (1 + len(self.trimap), len(classes), len(classes))
            matrices = torch.zeros(shape, dtype=torch.int64)
        images = torch.tensor(self._images)
        matrices = matrices.clone()
        for counts in (matrices, images):
            dist.all_reduce(counts)
        self._matrices, self._images = None, 0
        if int(images) != size:
            raise UserError(
                f'{int(images)} images were evaluated, the data set has {size}: set '
                'sampler=dict(type="DefaultSampler", shuffle=False, round_up=False), so that no '
                'rank sees an image twice'
            )
        whole, *bands = (scores(matrix, classes) for matrix in matrices.cpu().numpy())
        self.result = whole | dict(num_images=size)
        if bands:
            by_width = zip(self.trimap, bands, strict=True)
            self.result['trimap'] = {str(width): band['mIoU'] for width, band in by_width}
        if dist.is_main_process():
            MMLogger.get_current_instance().info('\n' + table(self.result))
        means = {key: self.result[key] for key in ('mIoU', 'mAcc', 'aAcc')}
        known = {key: float('nan') if value is None else value for key, value in means.items()}
        return {f'{self.prefix}/{k}' if self.prefix else k: v for k, v in known.items()}

    def compute_metrics(self, results: list) -> dict:
        """Not used: :meth:`evaluate` works on counts, not on a list of results."""
        raise NotImplementedError

    def _meta(self) -> dict:
        if not self.dataset_meta or 'classes' not in self.dataset_meta:
            raise UserError('the data set names no classes; give it a classes.txt')
        return self.dataset_meta
