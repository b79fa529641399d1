"""From logits to scores: what stands behind the network when it is evaluated."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.registry import init_default_scope
from mmseg.evaluation.metrics import IoUMetric
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder, SegTTAModel
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from benchmarks.case import Comparison, Scale, Variant, Work
from benchmarks.stubs import CLASSES, Crops, Views, areas
from mmdeeplab.evaluation.confusion import confusion_matrix
from mmdeeplab.inference.labels import labels_of_logits
from mmdeeplab.inference.multi_scale import MultiScaleFlip
from mmdeeplab.inference.sliding import SlidingWindows
from mmdeeplab.models.atrous import scaled

VOID = 255
TRUTH, OURS = 'mmseg', 'ours'


def setup(scale: Scale) -> list[Comparison]:
    """Four steps, each on logits of an image with four classes in areas, as photographs have."""
    init_default_scope('mmseg')
    image = (scale.of(375, 25), scale.of(500, 33))
    small, side = scale.of(129, 9), scale.of(513, 33)
    return [
        confusion(image, CLASSES),
        confusion(image, 150),
        labels(image, small, side, CLASSES),
        labels(image, small, side, 150),
        views(side),
        windows(scale),
    ]


def pair(title: str, theirs: Any, ours: Any, goal: float, agree: Any, *more: Variant) -> Comparison:
    """Compare mmsegmentation's way with ours."""
    first = Variant(TRUTH, theirs, 'mmseg')
    rows = (first, Variant(OURS, ours), *more)
    return Comparison(title, rows, TRUTH, goals={OURS: goal}, agree=agree, truth=TRUTH)


def equal(expected: Tensor, actual: Tensor) -> str:
    """How far two label maps agree, in words."""
    share = float((expected.long() == actual.long()).double().mean())
    return 'labels identical' if share == 1 else f'labels equal {share:.6f}'


def confusion(image: tuple[int, int], classes: int) -> Comparison:
    """Count a confusion matrix of int64 predictions, as mmseg has them, and uint8 labels."""
    prediction = areas(classes, *image).argmax(0)
    label = prediction.roll(3, 1).to(torch.uint8)
    label[:, :5] = VOID
    wide = label.long()

    def agree(expected: tuple[Tensor, ...], matrix: Tensor) -> str:
        shared, rows, columns = matrix.diag(), matrix.sum(1), matrix.sum(0)
        counts = (shared, rows + columns - shared, columns, rows)
        same = all(torch.equal(a.long(), b) for a, b in zip(expected, counts, strict=True))
        return 'counts identical' if same else 'counts DIFFER'

    return pair(
        f'confusion of one image, {image[0]} x {image[1]}, {classes} classes',
        lambda: Work(lambda: IoUMetric.intersect_and_union(prediction, wide, classes, VOID)),
        lambda: Work(lambda: confusion_matrix(prediction, label, classes)),
        20,
        agree,
    )


def padding_of(image: tuple[int, ...], side: int) -> list[int]:
    return [0, side - image[1], 0, side - image[0]]


def sample_of(image: tuple[int, ...], side: int, **more: object) -> SegDataSample:
    padding = padding_of(image, side)
    return SegDataSample(metainfo=dict(ori_shape=image, img_padding_size=padding, **more))


def labels(image: tuple[int, int], small: int, side: int, classes: int) -> Comparison:
    """Make labels of logits: resize from stride 4, cut, resize to the image, take the maximum."""
    logits = areas(classes, small, small)
    head: Any = SimpleNamespace(align_corners=True)
    metas = [dict(img_shape=(side, side), pad_shape=(side, side))]

    def theirs() -> Tensor:
        full = BaseDecodeHead.predict_by_feat(head, logits[None], metas)
        samples = EncoderDecoder.postprocess_result(head, full, [sample_of(image, side)])
        return samples[0].pred_sem_seg.data[0]

    def ours() -> Tensor:
        return labels_of_logits(logits, (side, side), padding_of(image, side), image, True)

    return pair(
        f'{small} x {small} logits to {image[0]} x {image[1]} labels, {classes} classes',
        lambda: Work(theirs),
        lambda: Work(ours),
        10,
        equal,
    )


def views(side: int) -> Comparison:
    """Merge the logits of six scales of a padded image and of their mirrors."""
    scales = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
    sides = [scaled(side, scale) for scale in scales]
    maps = {n: areas(CLASSES, *2 * [scaled(n, 0.25)])[None] for n in sides}
    network = Views(maps)
    merger = MultiScaleFlip.__new__(MultiScaleFlip)
    nn.Module.__init__(merger)
    merger.module, merger.scales, merger.flip = network, scales, True
    image = torch.zeros(1, 3, side, side)
    head: Any = SimpleNamespace(align_corners=True)

    def theirs() -> Tensor:
        predictions = []
        for n in sides:
            for flip in (False, True):
                meta = dict(ori_shape=(side, side), flip=flip, flip_direction='horizontal')
                sample = SegDataSample(metainfo=meta | dict(img_path=''))
                metas = [dict(img_shape=(n, n), pad_shape=(n, n))]
                logits = BaseDecodeHead.predict_by_feat(head, network.maps[n].clone(), metas)
                predictions += EncoderDecoder.postprocess_result(head, logits, [sample])
        (merged,) = SegTTAModel.merge_preds(SimpleNamespace(module=network), [predictions])
        return merged.pred_sem_seg.data

    def ours() -> Tensor:
        return merger.probabilities(image)[0].max(0)[1]

    return pair(
        f'12 views of {side} x {side} to labels (grids of TF and of mmsegmentation differ)',
        lambda: Work(theirs),
        lambda: Work(ours),
        3,
        equal,
    )


def windows(scale: Scale) -> Comparison:
    """Windows over a street, with the plain average that mmsegmentation takes."""
    image = (scale.of(1024, 65), scale.of(2048, 97))
    side, stride, classes = scale.of(769, 33), scale.of(513, 22), 19
    network = Crops(classes, side, stride)
    picture = torch.zeros(3, *image, dtype=torch.uint8)
    ours = SlidingWindows.__new__(SlidingWindows)
    nn.Module.__init__(ours)
    ours.module, ours.mode, ours.blend, ours.batch = network, 'bands', 'uniform', 4
    ours.window, ours.stride, ours.limit = (side, side), (stride, stride), 0

    def run(model: Any) -> Tensor:
        sample = SegDataSample(metainfo=dict(ori_shape=image, img_shape=image))
        (done,) = model.test_step(dict(inputs=[picture], data_samples=[sample]))
        return done.pred_sem_seg.data[0]

    @torch.no_grad()
    def theirs() -> Tensor:
        inputs = network.data_preprocessor(dict(inputs=[picture]), False)['inputs']
        logits = EncoderDecoder.slide_inference(network, inputs, [dict()])
        sample = SegDataSample(metainfo=dict(ori_shape=image))
        (done,) = EncoderDecoder.postprocess_result(network, logits, [sample])
        return done.pred_sem_seg.data[0]

    def keeping() -> Work:
        whole = SlidingWindows.__new__(SlidingWindows)
        nn.Module.__init__(whole)
        whole.__dict__.update({k: v for k, v in ours.__dict__.items() if not k.startswith('_')})
        whole.module, whole.mode = network, 'slide'
        return Work(partial(run, whole))

    return pair(
        f'windows of {side} over {image[0]} x {image[1]}, {classes} classes',
        lambda: Work(theirs),
        lambda: Work(partial(run, ours)),
        3,
        equal,
        Variant('ours, all logits kept', keeping),
    )
