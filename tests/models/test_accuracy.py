"""The accuracy beside the losses is mmseg's."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.losses import accuracy as theirs
from mmseg.structures import SegDataSample

from mmdeeplab.models.decode_heads import ShrunkLabelFCNHead
from mmdeeplab.models.decode_heads.accuracy import accuracy


@pytest.mark.parametrize('void', [0.0, 0.3, 1.0])
@pytest.mark.parametrize('classes', [1, 2, 21])
def test_accuracy_is_mmsegs(classes: int, void: float) -> None:
    logits = torch.randn(2, classes, 9, 7)
    label = torch.randint(classes, (2, 9, 7)).masked_fill(torch.rand(2, 9, 7) < void, 255)
    ours = accuracy(logits, label, 255)
    torch.testing.assert_close(ours, theirs(logits, label, ignore_index=255))


@pytest.mark.parametrize('threshold', [0.3, 0.5])
def test_a_single_channel_is_right_where_its_prediction_is(threshold: float) -> None:
    head = ShrunkLabelFCNHead(
        in_channels=4,
        channels=4,
        num_convs=0,
        concat_input=False,
        num_classes=2,
        out_channels=1,
        threshold=threshold,
        loss_decode=dict(type='mmdeeplab.CrossEntropyLoss'),
    )
    logits, label = torch.randn(2, 1, 9, 7), (torch.rand(2, 1, 9, 7) < 0.8).long()
    samples = [SegDataSample(gt_sem_seg=PixelData(data=one)) for one in label]
    predicted = logits.sigmoid() > threshold
    expected = 100 * (predicted == label).float().mean()
    torch.testing.assert_close(head.loss_by_feat(logits, samples)['acc_seg'][0], expected)
