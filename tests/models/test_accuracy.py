"""The accuracy beside the losses is mmseg's."""

import pytest
import torch
from mmseg.models.losses import accuracy as theirs

from mmdeeplab.models.decode_heads.accuracy import accuracy


@pytest.mark.parametrize('void', [0.0, 0.3, 1.0])
@pytest.mark.parametrize('classes', [1, 2, 21])
def test_accuracy_is_mmsegs(classes: int, void: float) -> None:
    logits = torch.randn(2, classes, 9, 7)
    label = torch.randint(classes, (2, 9, 7)).masked_fill(torch.rand(2, 9, 7) < void, 255)
    ours = accuracy(logits, label, 255)
    torch.testing.assert_close(ours, theirs(logits, label, ignore_index=255))
