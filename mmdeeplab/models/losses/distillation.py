"""A network's scores drawn to those of a teacher (arXiv 1503.02531), pixel by pixel."""

from collections.abc import Sequence

from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

TEACHER = 'teacher_scores'  # of a sample: what a teacher says, by DistillationHook


def distillation_loss(logits: Tensor, samples: Sequence[SegDataSample]) -> Tensor:
    """The mean over pixels of KL(teacher, student) at a temperature T, times T squared.

    Both are softmax of logits / T. Every pixel of the images counts, void ones, too; padding does
    not.

    Args:
        logits: Of the student, (N, classes, H, W), of the padded batch.
        samples: Each with ``teacher_scores`` (classes, h, w), which knows the ``temperature`` and
            the ``weight`` of the loss, and with the padding around h and w.
    """
    total, pixels = logits.new_zeros(()), 0
    height, width = logits.shape[2:]
    for padded, sample in zip(logits, samples, strict=True):
        scores = sample.get(TEACHER)
        left, right, top, bottom = sample.img_padding_size
        own = padded[:, top : height - bottom, left : width - right] / scores.temperature
        wanted = (scores.data / scores.temperature).softmax(0).to(own)
        factor = scores.weight * scores.temperature**2
        total = total + factor * F.kl_div(own.log_softmax(0), wanted, reduction='sum')
        pixels += own[0].numel()
    return total / pixels
