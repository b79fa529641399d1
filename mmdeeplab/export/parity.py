"""The parity check of an exported file: it must give the results of evaluation."""

import time
import warnings
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmdeeplab.config.pixels import Pixels
from mmdeeplab.errors import UserError
from mmdeeplab.export.samples import Sample
from mmdeeplab.inference.accelerate.artefact import Run
from mmdeeplab.inference.accelerate.parity import ParityReport, Tolerance, compare, score_gap
from mmdeeplab.inference.predictor import prepared, segment

COMPARED = 8  # samples whose scores are kept for comparison, beside those that stand for sizes


class ParityCheck:
    """Runs a network once, and compares any number of exported files with it on the same samples.

    Args:
        model: The network, in float32.
        samples: Pictures with their masks, from which the mIoU is computed.
        sizes: Further pictures, without masks, of other sizes.
        size: (H, W) to which evaluation pads at least.
        processing: Whether the file takes pictures and gives labels.
        tolerance: By how much it may differ.
        pixels: Bands and depth if pictures are read as they are stored; None: RGB of 8 bits.
    """

    def __init__(
        self,
        model: Any,
        samples: Sequence[Sample],
        sizes: Sequence[Sample],
        size: tuple[int, int],
        processing: bool,
        tolerance: Tolerance,
        pixels: Pixels | None = None,
    ) -> None:
        self.model, self.processing, self.tolerance = model, processing, tolerance
        self.pixels = pixels
        self.samples = [*samples, *sizes]
        self.masks = [
            (s.name, None if s.mask is None else torch.from_numpy(s.mask.astype(np.uint8)))
            for s in samples
        ]
        self.size = size
        self.logits: dict[int, Tensor] = {}
        self.labels: list[Tensor] = []
        self.times: list[float] = []
        self.largest = 0.0
        for i, sample in enumerate(self.samples):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.filterwarnings('ignore', 'When align_corners')  # not every side is n x + 1
                least = self._least(sample)
                (result,) = segment(model, [sample.picture], pixels is not None, least)
            self.times.append(time.perf_counter() - start)
            self.labels.append(result.pred_sem_seg.data[0].cpu().long())
            scores = result.seg_logits.data.cpu()
            self.largest = max(self.largest, float(scores.abs().max()))
            if not processing and (i < COMPARED or i >= len(self.masks)):
                self.logits[i] = scores

    def input_of(self, sample: Sample) -> np.ndarray:
        """The input of the artefact for a sample: what :class:`PictureGraph` takes, (1, H, W, C),
        or float32 (1, C, H, W)."""
        if self.processing:
            picture = sample.picture[None]
            return picture if picture.dtype == np.uint8 else picture.astype(np.float32)
        least, stored = self._least(sample), self.pixels is not None
        return prepared(self.model, sample.picture, stored, least).cpu().numpy()

    def _least(self, sample: Sample) -> tuple[int, int]:
        """(H, W) to which a sample is padded at least.

        A network without preprocessing gets the pictures of other sizes unpadded, so that it is
        tried at exactly these sizes.
        """
        bare = not self.processing and any(
            sample is other for other in self.samples[len(self.masks) :]
        )
        return (1, 1) if bare else self.size

    def compare(self, run: Run) -> ParityReport:
        """Run an exported file on every sample, and compare.

        Raises:
            UserError: It fails on a sample.
        """
        outputs, times, gaps = [], [], [0.0]
        for i, sample in enumerate(self.samples):
            labels, logits, seconds = self._run(run, sample)
            outputs.append(labels)
            times.append(seconds)
            if i in self.logits and logits is not None:
                gaps.append(score_gap(self.logits[i], logits))
        return compare(
            self.labels,
            outputs,
            self.masks,
            self.model.num_classes,
            self.tolerance,
            difference=None if self.processing else max(gaps),
            largest=self.largest,
            times=(1000 * median(self.times), 1000 * median(times)),
        )

    def _run(self, run: Run, sample: Sample) -> tuple[Tensor, Tensor | None, float]:
        image = self.input_of(sample)
        height, width = sample.picture.shape[:2]
        start = time.perf_counter()
        try:
            output = torch.from_numpy(np.array(run(image)))
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise UserError(
                f'the artefact fails on {sample.name} ({height}x{width}): {lines[0][:300]}'
            ) from error
        seconds = time.perf_counter() - start
        if self.processing:
            return output[0].long(), None, seconds
        logits = output[0, :, :height, :width].float()
        if self.model.out_channels > 1:
            return logits.argmax(0), logits, seconds
        foreground = logits.sigmoid()  # as evaluation keeps a single channel
        return (foreground[0] > self.model.decode_head.threshold).long(), foreground, seconds
