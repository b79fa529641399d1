"""mmseg's EncoderDecoder, which weights fit or do not enter."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mmseg.models import segmentors as mmseg
from torch import Tensor

from mmdeeplab.checkpoint import mmengine_loader  # noqa: F401  MMEngine reads our checkpoints by it
from mmdeeplab.checkpoint.key_prefixes import unwrapped
from mmdeeplab.checkpoint.load import check_fit
from mmdeeplab.checkpoint.mismatch import COUNTER
from mmdeeplab.models.losses import replace_losses
from mmdeeplab.models.norms.norm_layers import match_norm
from mmdeeplab.registry import MODELS

ASKED = 'load_state_dict'  # PyTorch's function was called, not MMEngine's


@MODELS.register_module()
class EncoderDecoder(mmseg.EncoderDecoder):
    """Backbone, neck and head of mmseg, with images (N, C, H, W) and logits of their size.

    MMEngine loads what matches of a file, warns, and goes on with random weights for the rest. Here
    every tensor must be in the file and fit (norms become group norm where the file's are), whoever
    loads it: MMEngine's ``load_checkpoint`` and Runner, mmseg's ``init_model``, ``MMSegInferencer``
    and ``tools/test.py``. PyTorch's own ``load_state_dict(strict=False)`` still takes a part.

    Void has no influence on its losses (:func:`mmdeeplab.models.losses.replace_losses`).

    Args:
        backbone: Config of the backbone.
        pretrained: A file to start the backbone from: short for its
            ``init_cfg=dict(type='Pretrained', checkpoint=...)``.
        kwargs: :class:`mmseg.models.EncoderDecoder`.

    Raises:
        ValueError: The backbone has an ``init_cfg``, too.
    """

    def __init__(self, backbone: dict, pretrained: str | None = None, **kwargs: Any) -> None:
        if pretrained is not None:
            if backbone.get('init_cfg'):
                raise ValueError('pretrained and backbone.init_cfg both start the backbone')
            backbone = dict(backbone, init_cfg=dict(type='Pretrained', checkpoint=pretrained))
        super().__init__(backbone=backbone, **kwargs)

    def _init_decode_head(self, decode_head: dict) -> None:
        super()._init_decode_head(replace_losses(dict(decode_head=decode_head))[0]['decode_head'])

    def _init_auxiliary_head(self, auxiliary_head: dict | list[dict] | None) -> None:
        model, _ = replace_losses(dict(auxiliary_head=auxiliary_head))
        super()._init_auxiliary_head(model['auxiliary_head'])

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """PyTorch's own, which itself looks whether everything fits, or was told not to."""
        given = OrderedDict(state_dict)
        metadata = dict(getattr(state_dict, '_metadata', {}))
        metadata[''] = {**metadata.get('', {}), ASKED: True}
        given._metadata = metadata  # type: ignore[attr-defined]
        return super().load_state_dict(given, strict, assign)

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
            state_dict.clear()  # the parts of the network read what is left here
            state_dict.update(plain)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *args)
