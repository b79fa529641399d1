"""mmseg's EncoderDecoder with strict loading of weights and inferred ``in_channels``."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg import registry as mmseg_registry
from mmseg.models import segmentors as mmseg
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor
from torch.nn import functional as F

from mmdeeplab.checkpoint import mmengine_loader  # noqa: F401  MMEngine reads our checkpoints by it
from mmdeeplab.checkpoint.key_prefixes import unwrapped
from mmdeeplab.checkpoint.load import check_fit
from mmdeeplab.checkpoint.mismatch import COUNTER
from mmdeeplab.errors import choose
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.models.losses.distillation import TEACHER, distillation_loss
from mmdeeplab.models.norms.norm_layers import match_norm
from mmdeeplab.models.segmentors import channels
from mmdeeplab.registry import MODELS

ASKED = 'load_state_dict'  # marks in the metadata that PyTorch's function was called


@MODELS.register_module()
class EncoderDecoder(mmseg.EncoderDecoder):
    """mmseg's EncoderDecoder: images (N, C, H, W) -> logits (N, num_classes, H, W).

    Five things differ from mmseg's class:

    Weights must fit. MMEngine loads the tensors of a file that match, warns, and leaves the others
    random. Here every tensor must be in the file and fit (BatchNorm becomes group norm if the
    file's is), no matter who loads it: MMEngine's ``load_checkpoint`` and Runner, or mmseg's
    ``init_model``, ``MMSegInferencer`` and ``tools/test.py``. Only PyTorch's own
    ``load_state_dict(strict=False)`` still loads a part.

    Void pixels have no influence on the losses (:func:`mmdeeplab.models.losses.replace_losses`).

    ``in_channels`` may be left out of neck and heads; it is then found from the maps that the part
    before returns. If a neck's ``rates`` are left out as well, its default rates are scaled to the
    output stride of the backbone.

    If a teacher has scored the samples, there is one more loss, ``decode.loss_distill``
    (:func:`mmdeeplab.models.losses.distillation.distillation_loss`).

    A batch of images of several sizes is no reason to warn.

    Args:
        backbone: Config of the backbone.
        neck: Config of the neck, if any.
        pretrained: A file of weights for the backbone; short for the backbone's
            ``init_cfg=dict(type='Pretrained', checkpoint=...)``.
        kwargs: :class:`mmseg.models.EncoderDecoder`.

    Raises:
        ValueError: ``pretrained`` is given and the backbone has an ``init_cfg``.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        pretrained: str | None = None,
        **kwargs: Any,
    ) -> None:
        if pretrained is not None:
            if backbone.get('init_cfg'):
                raise ValueError('pretrained and backbone.init_cfg both start the backbone')
            backbone = dict(backbone, init_cfg=dict(type='Pretrained', checkpoint=pretrained))
        self._configs = (backbone, neck)  # the neck is built when the backbone's maps are known
        kwargs['test_cfg'] = kwargs.get('test_cfg') or ConfigDict(mode='whole')
        super().__init__(backbone=backbone, neck=None, **kwargs)

    def _init_decode_head(self, decode_head: dict) -> None:
        neck = self._configs[1]
        if neck is not None:
            if channels.lacks_channels(neck):
                neck = channels.neck_with_channels(neck, self.backbone, self._maps())
            self.neck = mmseg_registry.MODELS.build(neck)
        head = replace_losses(dict(decode_head=decode_head))[0]['decode_head']
        super()._init_decode_head(self._with_channels(head))

    def _init_auxiliary_head(self, auxiliary_head: dict | list[dict] | None) -> None:
        heads = replace_losses(dict(auxiliary_head=auxiliary_head))[0]['auxiliary_head']
        if isinstance(heads, list):
            heads = [self._with_channels(head) for head in heads]
        elif heads is not None:
            heads = self._with_channels(heads)
        super()._init_auxiliary_head(heads)

    def _maps(self) -> list[Tensor]:
        return channels.maps_of(self.backbone, self._configs[0].get('in_channels', 3))

    def _with_channels(self, head: dict) -> dict:
        if not channels.lacks_channels(head):
            return head
        maps = self._maps()
        if self.with_neck:
            maps = channels.returned(self.neck, maps)
        return channels.head_with_channels(head, maps)

    def _decode_head_forward_train(
        self, inputs: list[Tensor], data_samples: list[SegDataSample]
    ) -> dict:
        if TEACHER not in data_samples[0]:
            return super()._decode_head_forward_train(inputs, data_samples)
        logits = self.decode_head(inputs)
        losses = self.decode_head.loss_by_feat(logits, data_samples)
        size = data_samples[0].pad_shape
        logits = resize(logits, size, mode='bilinear', align_corners=self.align_corners)
        losses['loss_distill'] = distillation_loss(logits.float(), data_samples)
        return add_prefix(losses, 'decode')

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of whole images or by windows, as ``test_cfg.mode`` says.

        mmseg's method warns of each batch whose images differ in size. Here the padding of each is
        cut off (:meth:`postprocess_result`), so nothing is wrong with them.

        Args:
            inputs: (N, C, H, W).
            batch_img_metas: Of each image.

        Returns:
            (N, num_classes, H, W).

        Raises:
            ValueError: Another mode.
        """
        mode = self.test_cfg.get('mode', 'whole')
        choose('test_cfg.mode', mode, ('whole', 'slide'))
        infer = self.slide_inference if mode == 'slide' else self.whole_inference
        return infer(inputs, batch_img_metas)

    def postprocess_result(
        self, seg_logits: Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Cut the padding off, undo mirroring, resize to the image, and take the labels.

        The results are those of mmseg's method, bit for bit, in a third of the time on a CPU:
        logits that have the image's size already are not resized, and PyTorch's ``max`` gives the
        indices three times as fast as ``argmax``.

        Args:
            seg_logits: (N, C, H, W), padding included.
            data_samples: Samples that say where the padding lies, whether the image was mirrored,
                and its size.

        Returns:
            The samples with ``seg_logits`` (C, h, w) and ``pred_sem_seg`` (1, h, w).
        """
        if data_samples is None or seg_logits.shape[1] == 1:
            return super().postprocess_result(seg_logits, data_samples)
        for padded, sample in zip(seg_logits, data_samples, strict=True):
            logits = _unpadded(padded, sample)
            if tuple(logits.shape[1:]) != (size := tuple(sample.ori_shape[:2])):
                logits = F.interpolate(
                    logits[None], size, mode='bilinear', align_corners=self.align_corners
                )[0]
            logits = logits.contiguous()  # a view would keep all the padded logits in memory
            labels = logits.max(0, keepdim=True)[1]
            sample.seg_logits, sample.pred_sem_seg = PixelData(data=logits), PixelData(data=labels)
        return data_samples

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As ``torch.nn.Module.load_state_dict``, which checks by itself unless told not to."""
        state = OrderedDict(state_dict)
        metadata = dict(getattr(state_dict, '_metadata', {}))
        metadata[''] = {**metadata.get('', {}), ASKED: True}
        state._metadata = metadata  # type: ignore[attr-defined]
        return super().load_state_dict(state, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        local_metadata: dict,
        strict: bool,
        *args: Any,
    ) -> None:
        if not prefix and ASKED not in local_metadata:
            source = local_metadata.get('source', 'the checkpoint')
            plain = dict(unwrapped(state_dict, self.state_dict(), source))
            match_norm(self, plain)
            expected = self.state_dict()
            counters = {key: value for key, value in expected.items() if key.endswith(COUNTER)}
            check_fit({**counters, **plain}, self, source)
            state_dict.clear()  # PyTorch loads the parts from this dict
            state_dict.update(plain)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *args)


def _unpadded(logits: Tensor, sample: SegDataSample) -> Tensor:
    """Logits (C, H, W) without the padding, flipped back if the image was mirrored."""
    meta = sample.metainfo
    left, right, top, bottom = meta.get('img_padding_size') or meta.get('padding_size') or [0] * 4
    height, width = logits.shape[1:]
    logits = logits[:, top : height - bottom, left : width - right]
    if not meta.get('flip'):
        return logits
    return logits.flip({'horizontal': 2, 'vertical': 1}[meta['flip_direction']])
