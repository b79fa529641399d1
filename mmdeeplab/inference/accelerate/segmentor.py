"""Replace a segmentor by one whose network is run by a fast engine."""

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
from mmdeeplab.inference.accelerate.engine_check import CalibrationPicture, Engine
from mmdeeplab.inference.accelerate.parity import Tolerance
from mmdeeplab.inference.labels import labels_of_logits

FAST = (True, 'bf16', 'int8')
CHOOSING = Lock()  # held while an engine is chosen, as several threads may call a network first


def accelerate(
    model: BaseModel,
    fast: bool | str = True,
    keep_logits: bool = False,
    calibration: Iterable[CalibrationPicture] = (),
    tolerance: Tolerance | None = None,
) -> BaseModel:
    """Replace a segmentor, also inside wrappers, by one that is run by a fast engine.

    Args:
        model: A segmentor, or a wrapper around one, in evaluation. Do not use it afterwards.
        fast: The lowest precision allowed: True (float32), ``'bf16'`` or ``'int8'``.
        keep_logits: Whether results have ``seg_logits``, too, which costs time.
        calibration: Pictures by which ``'int8'`` sets its ranges, and on which the network is
            compared with the plain one when it is converted; by default the first input.
        tolerance: By how much it may differ; by default as in
            :data:`mmdeeplab.inference.accelerate.parity.TOLERANCES`.

    Returns:
        The model to use from now on. On other devices than a CPU it is the same network with folded
        BN and channels-last maps, under ``'bf16'`` with autocast.

    Raises:
        ValueError: ``fast`` is something else.
        UserError: The network is in training mode, or int8 is asked for on another device than a
            CPU.
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
    segmentor = FastSegmentor(
        network, fast, keep_logits=keep_logits, calibration=list(calibration), tolerance=tolerance
    )
    if model is network:
        return segmentor
    wrapper = model
    while wrapper.module is not network:
        wrapper = wrapper.module
    wrapper.module = segmentor
    return model


def engines_used(model: nn.Module) -> list[str]:
    """Names of the engines that have computed logits in a model, also inside wrappers."""
    network = unwrap(model)
    return sorted(network.used) if isinstance(network, FastSegmentor) else ['plain']


class FastSegmentor(nn.Module):
    """A segmentor with MMEngine's interface, for inference only, around a plain one.

    Attributes that it lacks (data_preprocessor, decode_head, classes, ...) are the plain one's.

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
        """As mmseg's EncoderDecoder in the modes ``tensor`` and ``predict``."""
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
        """Predict a batch from a data loader."""
        data = self.network.data_preprocessor(data, False)
        return self.predict(data['inputs'], data['data_samples'])

    def predict(
        self, inputs: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Samples with ``pred_sem_seg`` (1, H, W), and with ``seg_logits`` if they are kept."""
        windows = self.network.test_cfg.get('mode', 'whole') == 'slide'
        needs_logits = self.keep_logits or windows or self.network.out_channels == 1
        if needs_logits or data_samples is None:
            return self._predict_all(inputs, data_samples, windows)
        logits = self._logits(inputs)
        for sample, scores in zip(data_samples, logits, strict=True):
            require_finite_logits(scores, sample)
            padded = tuple(sample.get('pad_shape') or inputs.shape[2:])[:2]
            padding = sample.get('img_padding_size') or sample.get('padding_size') or [0] * 4
            size = tuple(sample.ori_shape)[:2]
            labels = labels_of_logits(scores, padded, padding, size, self.network.align_corners)
            axes = {None: [], 'horizontal': [1], 'vertical': [0]}
            flip = sample.get('flip_direction') if sample.get('flip') else None
            sample.set_data(dict(pred_sem_seg=PixelData(data=labels.flip(axes[flip])[None])))
        return data_samples

    def _predict_all(
        self, inputs: Tensor, samples: list[SegDataSample] | None, windows: bool
    ) -> list[SegDataSample]:
        """Predict by the plain network's own methods, but with the logits of the engine."""
        metas = [sample.metainfo for sample in samples or []]
        size = tuple(inputs.shape[2:])
        metas = metas or [dict(ori_shape=size, img_shape=size, pad_shape=size)] * len(inputs)
        infer = type(self.network).slide_inference if windows else type(self).encode_decode
        return self.network.postprocess_result(infer(self, inputs, metas), samples)
