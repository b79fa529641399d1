"""Segment and evaluate an image of 9000 x 9000 pixels; print the memory that this took, in MiB."""

import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from mmdeeplab.evaluation.metric import SegMetric
from mmdeeplab.inference.images import read_picture
from mmdeeplab.inference.predictor import segment
from mmdeeplab.inference.sliding import SlidingWindows
from mmdeeplab.models.data_preprocessor import DeepLabPreprocessor

CLASSES = 21


class OneConvolution(EncoderDecoder):
    """Logits of 21 classes at stride 8, resized to the input."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.net = nn.Conv2d(3, CLASSES, 8, 8)
        self.out_channels, self.align_corners = CLASSES, True
        self.data_preprocessor = DeepLabPreprocessor()

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        return F.interpolate(self.net(inputs), inputs.shape[2:], mode='bilinear')


def peak() -> float:
    """Of this program alone: ``ru_maxrss`` starts with what its parent had."""
    status = Path('/proc/self/status').read_text()
    return int(re.search(r'VmHWM:\s*(\d+) kB', status)[1]) / 1024


def main(folder: Path, side: int) -> None:
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    model = SlidingWindows(OneConvolution(), window=(513, 513), stride=(500, 500)).eval()
    pattern = np.random.default_rng(0).integers(0, 255, (side // 100 + 1,) * 2 + (3,), np.uint8)
    path = folder / 'huge.jpg'
    cv2.imwrite(str(path), np.repeat(np.repeat(pattern, 100, 0), 100, 1)[:side, :side])
    model.network.encode_decode(torch.rand(4, 3, 513, 513), [])
    before = peak()
    image = read_picture(path)
    (result,) = segment(model, [image])
    labels = result.pred_sem_seg.data[0].numpy().astype(np.uint8)
    segmented = peak()
    metric = SegMetric()
    metric.dataset_meta = dict(classes=[str(i) for i in range(CLASSES)])
    prediction = torch.from_numpy(labels)[None]
    sample = dict(
        img_path=str(path),
        pred_sem_seg=dict(data=prediction),
        gt_sem_seg=dict(data=prediction.clone()),
    )
    metric.process({}, [sample])
    metric.evaluate(1)
    report = dict(
        shape=image.shape,
        before=before,
        segmented=segmented,
        evaluated=peak(),
        pixels=int(np.sum(metric.result.confusion)),
        accuracy=metric.result.means['aAcc'],
    )
    print(json.dumps(report))


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]))
