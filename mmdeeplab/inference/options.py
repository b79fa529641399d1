"""The options of inference: several scales, windows, a CRF, a fast engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdeeplab.config.changes import ConfigChange


@dataclass(frozen=True)
class InferenceOptions:
    """Options of every command that segments, and of the predictor.

    Attributes:
        tta: Whether to average over six scales and their mirror images.
        crf: Whether the config's dense CRF refines the results.
        mode: How large images are cut: ``auto``, ``whole``, ``slide`` or ``bands``.
        window: Side of a window in pixels; by default the size that the config pads to.
        stride: Pixels from one window to the next; by default two thirds of a window.
        blend: How overlapping windows are weighted: ``hann``, ``gaussian`` or ``uniform``.
        fast: On a CPU run by OpenVINO, in float32 (True) or at least ``'bf16'`` or ``'int8'``.
    """

    tta: bool = False
    crf: bool = False
    mode: str = 'auto'
    window: int | None = None
    stride: int | None = None
    blend: str = 'hann'
    fast: bool | str = False

    def changes(self, labels_only: bool = False) -> list[ConfigChange]:
        """The changes to a config that put scales and windows around its network, in order.

        The CRF is not among them: an evaluation adds it by
        :func:`mmdeeplab.inference.wrap.with_crf`, the predictor runs it itself. The fast engine
        replaces a network that is built.

        Args:
            labels_only: Whether results of images that are not cut may lack their logits.
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
