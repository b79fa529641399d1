"""A segmentor whose network runs by a fast engine, in the place of the plain one."""

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmdeeplab.checkpoint.load import unwrap
from mmdeeplab.errors import UserError, choose
from mmdeeplab.finite import require_finite_logits
from mmdeeplab.inference.accelerate.engine import choose_engine, require_precision
from mmdeeplab.inference.accelerate.gate import CalibrationPicture, Engine
from mmdeeplab.inference.accelerate.parity import Tolerance
from mmdeeplab.inference.labels import label_map

FAST = (True, 'bf16', 'int8')
CHOOSING = Lock()  # several threads may have a first picture


def accelerate(
    model: BaseModel,
    fast: bool | str = True,
    keep_logits: bool = False,
    calibration: Iterable[CalibrationPicture] = (),
    tolerance: Tolerance | None = None,
) -> BaseModel:
    """Put the fast network in the plain one's place, also inside wrappers.

    Args:
        model: A segmentor, or a wrapper around one, in evaluation. It is used up.
        fast: The lowest precision allowed: True (float32), ``'bf16'`` or ``'int8'``.
        keep_logits: Results have ``seg_logits``, too, which costs time.
        calibration: Pictures by which ``'int8'`` sets ranges, and on which the network is compared
            with the plain one when it is converted; without any, the first input.
        tolerance: What it may differ by there; without it the usual of each precision
            (:data:`mmdeeplab.inference.accelerate.parity.TOLERANCES`).

    Returns:
        The model to use from now on. On another device than a CPU it is the same network with
        its BN folded and its maps channels-last, under ``'bf16'`` by autocast.

    Raises:
        ValueError: Another ``fast``.
        UserError: The network is in training; int8 away from CPUs.
    """
    choose('fast', fast, FAST)
    network = unwrap(model)
    if network.training:
        raise UserError('fast is for inference: call model.eval() first; this network is training')
    device = next(network.parameters()).device
    require_precision(fast, str(device))
    if device.type != 'cpu':
        fuse_conv_bn(network)
        network.to(memory_format=torch.channels_last)
        if fast is True:
            return model
        calibration = ()  # autocast is not compared
    quick = FastSegmentor(
        network, fast, keep_logits=keep_logits, calibration=list(calibration), tolerance=tolerance
    )
    if model is network:
        return quick
    holder = model
    while holder.module is not network:
        holder = holder.module
    holder.module = quick
    return model


def engines_used(model: nn.Module) -> list[str]:
    """Names of the engines that computed the network's logits, also within wrappers."""
    network = unwrap(model)
    return sorted(network.used) if isinstance(network, FastSegmentor) else ['plain']


class FastSegmentor(nn.Module):
    """A segmentor of :mod:`mmengine`'s interface around a plain one, for inference alone.

    What is not here (data_preprocessor, decode_head, classes, ...) is the plain network's.

    Args:
        network: The plain segmentor.
        fast, keep_logits, calibration, tolerance: See :func:`accelerate`.
    """

    def __init__(
        self,
        network: EncoderDecoder,
        fast: bool | str = True,
        *,
        keep_logits: bool = False,
        calibration: Sequence[CalibrationPicture] = (),
        tolerance: Tolerance | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.fast, self.keep_logits = fast, keep_logits
        self.calibration, self.tolerance = calibration, tolerance
        self.device_type = next(network.parameters()).device.type
        self.engine: Engine | None = None
        self.used: set[str] = set()  # the name of the engine, once it has run

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__('network'), name)

    def forward(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None, mode: str = 'tensor'
    ) -> Any:
        """As mmseg's EncoderDecoder, ``mode`` ``tensor`` or ``predict``."""
        choose('mode', mode, ('tensor', 'predict'))
        return self._logits(inputs) if mode == 'tensor' else self.predict(inputs, data_samples)

    @torch.no_grad()
    def _logits(self, inputs: Tensor) -> Tensor:
        """(N, 3, H, W) -> the head's logits (N, C, h, w), by the engine."""
        if inputs.device.type != self.device_type:
            raise UserError(
                f'fast prepared this network for {self.device_type}, and its input lies on '
                f'{inputs.device}: move a network before fast prepares it'
            )
        with CHOOSING:
            if self.engine is None:
                name, self.engine = choose_engine(
                    self.network, inputs, self.fast, self.calibration, self.tolerance
                )
                self.used.add(name)
        return self.engine(inputs)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """(N, 3, H, W) -> logits (N, C, H, W)."""
        return self.network.decode_head.predict_by_feat(self._logits(inputs), batch_img_metas)

    def test_step(self, data: dict) -> list[SegDataSample]:
        """Predict a batch as the data loader gives it."""
        data = self.network.data_preprocessor(data, False)
        return self.predict(data['inputs'], data['data_samples'])

    def predict(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Labels ``pred_sem_seg`` (1, H, W) of every sample, and the logits where they are kept."""
        windows = self.network.test_cfg.get('mode', 'whole') == 'slide'
        whole = self.keep_logits or windows or self.network.out_channels == 1
        if whole or data_samples is None:
            return self._predict_all(inputs, data_samples, windows)
        logits = self._logits(inputs)
        for sample, scores in zip(data_samples, logits, strict=True):
            require_finite_logits(scores, sample)
            padded = tuple(sample.get('pad_shape') or inputs.shape[2:])[:2]
            padding = sample.get('img_padding_size') or sample.get('padding_size') or [0] * 4
            size = tuple(sample.ori_shape)[:2]
            labels = label_map(scores, padded, padding, size, self.network.align_corners)
            axes = {None: [], 'horizontal': [1], 'vertical': [0]}
            flip = sample.get('flip_direction') if sample.get('flip') else None
            sample.set_data(dict(pred_sem_seg=PixelData(data=labels.flip(axes[flip])[None])))
        return data_samples

    def _predict_all(
        self, inputs: Tensor, samples: list[SegDataSample] | None, windows: bool
    ) -> list[SegDataSample]:
        """By the plain network's own steps, with the fast one's logits."""
        metas = [sample.metainfo for sample in samples or []]
        size = tuple(inputs.shape[2:])
        metas = metas or [dict(ori_shape=size, img_shape=size, pad_shape=size)] * len(inputs)
        infer = type(self.network).slide_inference if windows else type(self).encode_decode
        return self.network.postprocess_result(infer(self, inputs, metas), samples)
