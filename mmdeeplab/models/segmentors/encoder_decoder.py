"""mmseg's EncoderDecoder, which weights fit or do not enter."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mmseg.models import segmentors as mmseg
from torch import Tensor

from mmdeeplab.engine.checkpoint import check_fit
from mmdeeplab.engine.wrappers import unwrapped
from mmdeeplab.registry import MODELS

COUNTER = 'num_batches_tracked'
ASKED = 'load_state_dict'  # PyTorch's function was called, not MMEngine's


@MODELS.register_module()
class EncoderDecoder(mmseg.EncoderDecoder):
    """Backbone, neck and head of mmseg, with images (N, C, H, W) and logits of their size.

    MMEngine loads what matches of a file, warns, and goes on with random weights for the rest. Here
    every tensor must be in the file and fit, whoever loads it: MMEngine's ``load_checkpoint`` and
    Runner, mmseg's ``init_model``, ``MMSegInferencer`` and ``tools/test.py``. PyTorch's own
    ``load_state_dict(strict=False)`` still takes a part.
    """

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
            own = self.state_dict()
            counters = {key: value for key, value in own.items() if key.endswith(COUNTER)}
            source = local_metadata.get('source', 'the checkpoint')
            plain = dict(unwrapped(state_dict, own, source))
            check_fit({**counters, **plain}, self, source)
            state_dict.clear()  # the parts of the network read what is left here
            state_dict.update(plain)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *args)
