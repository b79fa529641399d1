"""How a trained network is used: at several scales, over windows, with a CRF, by a fast engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdeeplab.config.transforms import Transform


@dataclass(frozen=True)
class InferenceOptions:
    """Options of every command that segments, and of the predictor.

    Attributes:
        tta: Six scales and their mirrors.
        crf: The config's dense CRF behind the network.
        mode: How large images are cut: ``auto``, ``whole``, ``slide`` or ``bands``.
        window: Side of a window in pixels; what the config pads to without it.
        stride: Pixels from one window to the next; two thirds of a window without it.
        blend: How windows are weighed: ``hann``, ``gaussian`` or ``uniform``.
        fast: By OpenVINO on a CPU: True for float32, ``'bf16'`` or ``'int8'`` to allow less.
    """

    tta: bool = False
    crf: bool = False
    mode: str = 'auto'
    window: int | None = None
    stride: int | None = None
    blend: str = 'hann'
    fast: bool | str = False

    def transforms(self, labels_only: bool = False) -> list[Transform]:
        """What puts scales and windows around the network of a config, from the inside out.

        The CRF (:func:`mmdeeplab.inference.wrap.with_crf`) follows where a Runner evaluates; the
        predictor runs it on the pictures that it reads. The engine is chosen for a built network.

        Args:
            labels_only: Whether images that are not cut may do without their logits.
        """
        from mmdeeplab.inference.wrap import with_tta, with_windows

        windows = partial(
            with_windows,
            mode=self.mode,
            window=self.window,
            stride=self.stride,
            blend=self.blend,
            labels_only=labels_only,
        )
        return [with_tta, windows] if self.tta else [windows]
