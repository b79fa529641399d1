"""The loss that brings a network's scores near a teacher's (arXiv 1503.02531) at every pixel."""

from collections.abc import Sequence

from mmseg.structures import SegDataSample
from torch import Tensor
from torch.nn import functional as F

TEACHER = 'teacher_scores'  # key of a sample's scores of a teacher, set by DistillationHook


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
        student = padded[:, top : height - bottom, left : width - right] / scores.temperature
        teacher = (scores.data / scores.temperature).softmax(0).to(student)
        factor = scores.weight * scores.temperature**2
        total = total + factor * F.kl_div(student.log_softmax(0), teacher, reduction='sum')
        pixels += student[0].numel()
    return total / pixels
