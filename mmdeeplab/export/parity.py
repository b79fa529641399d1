"""The parity check: an artefact gives what evaluation gives, or it is not kept."""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmdeeplab.errors import UserError
from mmdeeplab.evaluation.confusion import confusion_matrix
from mmdeeplab.evaluation.scores import scores
from mmdeeplab.export.formats import Run
from mmdeeplab.export.samples import Sample
from mmdeeplab.inference.predictor import prepared, segment

COMPARED = 8  # samples whose scores are kept for comparison, beside those that stand for sizes


class Tolerance(NamedTuple):
    """What an artefact may differ by; None is no limit.

    Attributes:
        drop: Points of mIoU.
        agreement: Share of pixels with equal labels, at least.
        difference: The largest difference of a score, as a part of the largest score.
    """

    drop: float
    agreement: float
    difference: float | None


TOLERANCES = {
    'float': Tolerance(0.1, 0.999, 1e-3),
    'half': Tolerance(0.5, 0.99, 0.1),
    'int8': Tolerance(1.0, 0.95, None),
}


@dataclass
class ParityReport:
    """What the parity check found; ``faults`` is empty where it is passed.

    ``before`` and ``after`` are mIoU in percent, None without masks; ``difference`` is None where
    the artefact gives labels only; times are medians in milliseconds a picture.
    """

    images: int
    before: float | None
    after: float | None
    agreement: float
    difference: float | None
    largest: float
    times: tuple[float, float]
    faults: list[str] = field(default_factory=list)


class ParityCheck:
    """Runs the network once and then any number of artefacts on the same samples.

    Args:
        model: The network, in float32.
        samples: Pictures with their masks; the mIoU is theirs.
        sizes: More pictures, without masks, that stand for sizes.
        size: (H, W) to which evaluation pads at least.
        processing: The artefact takes photographs and gives labels.
        tolerance: What it may differ by.
    """

    def __init__(
        self,
        model: Any,
        samples: Sequence[Sample],
        sizes: Sequence[Sample],
        size: tuple[int, int],
        processing: bool,
        tolerance: Tolerance,
    ) -> None:
        self.model, self.processing, self.tolerance = model, processing, tolerance
        self.samples = [*samples, *sizes]
        self.count = len(samples)
        model.data_preprocessor.test_size = size
        self.logits: dict[int, Tensor] = {}
        self.labels: list[Tensor] = []
        self.times: list[float] = []
        self.largest = 0.0
        for i, sample in enumerate(self.samples):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.filterwarnings('ignore', 'When align_corners')  # not every side is n x + 1
                with self._padding(sample):
                    (result,) = segment(model, [sample.picture])
            self.times.append(time.perf_counter() - start)
            self.labels.append(result.pred_sem_seg.data[0].cpu().long())
            scores_of = result.seg_logits.data.cpu()
            self.largest = max(self.largest, float(scores_of.abs().max()))
            if not processing and (i < COMPARED or i >= self.count):
                self.logits[i] = scores_of

    def input_of(self, sample: Sample) -> np.ndarray:
        """The input of the artefact for a sample: uint8 (1, H, W, 3), or float32 (1, 3, H, W)."""
        if self.processing:
            return sample.picture[None]
        with self._padding(sample):
            return prepared(self.model, sample.picture).cpu().numpy()

    @contextmanager
    def _padding(self, sample: Sample) -> Iterator[None]:
        """A network alone meets the pictures of other sizes bare: an evaluation rounds sides up."""
        preprocessor = self.model.data_preprocessor
        usual = preprocessor.test_size
        if not self.processing and any(sample is other for other in self.samples[self.count :]):
            preprocessor.test_size = (1, 1)
        try:
            yield
        finally:
            preprocessor.test_size = usual

    def compare(self, run: Run) -> ParityReport:
        """Run an artefact on every sample and compare.

        Raises:
            UserError: It fails on one.
        """
        agreed, pixels, difference, times = 0, 0, 0.0, []
        outputs = []
        for i, sample in enumerate(self.samples):
            labels, logits, seconds = self._run(run, sample)
            times.append(seconds)
            if i in self.logits and logits is not None:
                gap = float((logits - self.logits[i]).abs().max())
                difference = max(difference, gap if gap == gap else float('inf'))
            agreed += int((labels == self.labels[i]).sum())
            pixels += labels.numel()
            outputs.append(labels)
        report = ParityReport(
            self.count,
            self.miou(self.labels),
            after=self.miou(outputs),
            agreement=agreed / pixels,
            difference=None if self.processing else difference,
            largest=self.largest,
            times=(1000 * median(self.times), 1000 * median(times)),
        )
        report.faults = list(faults(report, self.tolerance))
        return report

    def _run(self, run: Run, sample: Sample) -> tuple[Tensor, Tensor | None, float]:
        image = self.input_of(sample)
        height, width = sample.picture.shape[:2]
        start = time.perf_counter()
        try:
            output = torch.from_numpy(np.array(run(image)))
        except Exception as error:
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise UserError(
                f'the artefact fails on {sample.name} ({height}x{width}): {why[0][:300]}'
            ) from error
        seconds = time.perf_counter() - start
        if self.processing:
            return output[0].long(), None, seconds
        logits = output[0, :, :height, :width].float()
        if self.model.out_channels > 1:
            return logits.argmax(0), logits, seconds
        foreground = logits.sigmoid()  # as evaluation keeps a single channel
        return (foreground[0] > self.model.decode_head.threshold).long(), foreground, seconds

    def miou(self, labels: Sequence[Tensor]) -> float | None:
        """Of the samples, in percent; None where they have no masks."""
        classes = self.model.num_classes
        total = torch.zeros(classes, classes, dtype=torch.int64)
        for sample, predicted in zip(self.samples[: self.count], labels, strict=False):
            if sample.mask is None:
                return None
            mask = torch.from_numpy(sample.mask.astype(np.uint8))
            total += confusion_matrix(predicted, mask, classes, name=sample.name)
        return scores(total.numpy(), [str(i) for i in range(classes)])['mIoU']


def faults(report: ParityReport, tolerance: Tolerance) -> list[str]:
    """Sentences about what an artefact differs by, beyond the tolerance."""
    sentences = []
    if report.before is not None and report.after is not None:
        drop = report.before - report.after
        if not drop <= tolerance.drop:
            sentences.append(f'mIoU falls by {drop:.2f}, more than {tolerance.drop:g} (--max-drop)')
    if not report.agreement >= tolerance.agreement:
        sentences.append(
            f'{report.agreement:.3%} of the labels agree, fewer than {tolerance.agreement:g} '
            '(--min-agreement)'
        )
    if report.difference is not None and tolerance.difference is not None:
        part = report.difference / max(report.largest, 1e-30)
        if not part <= tolerance.difference:
            sentences.append(
                f'scores differ by up to {part:.2g} of the largest, more than '
                f'{tolerance.difference:g} (--max-difference)'
            )
    return sentences


def describe(report: ParityReport, runtime: str) -> str:
    """The figures of a parity check, in lines to be printed."""

    def points(value: float | None) -> str:
        return 'unknown, no masks' if value is None else f'{value:.2f}'

    difference = (
        'not told by labels'
        if report.difference is None
        else f'{report.difference:.3g} (the largest logit is {report.largest:.3g})'
    )
    return '\n'.join(
        [
            f'on {report.images} picture{"s" * (report.images > 1)}, PyTorch -> {runtime}:',
            f'  mIoU                      {points(report.before)} -> {points(report.after)}',
            f'  labels that agree         {report.agreement:.4%}',
            f'  largest logit difference  {difference}',
            f'  median time, one picture  {report.times[0]:.0f} -> {report.times[1]:.0f} ms',
        ]
    )
