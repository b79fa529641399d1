"""What a person may ask of any config, besides the file that says the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdeeplab.config.transforms import Transform


@dataclass(frozen=True)
class ConfigOptions:
    """Options of every command that reads a config.

    Attributes:
        cfg_options: ``KEY=VALUE`` texts, which override settings of the file.
        data_root: The folder of every data set; the config's own without it.
        output_stride: 8, 16 or 32, of the backbone and the rates of neck and head; the config's
            own without it.
        launcher: ``none``, ``pytorch`` or ``slurm``; the config's own without it.
    """

    cfg_options: Sequence[str] = ()
    data_root: str | None = None
    output_stride: int | None = None
    launcher: str | None = None

    def transforms(self) -> list[Transform]:
        """What the options do to a config into which ``cfg_options`` are merged, in this order."""
        from mmdeeplab.config.data import with_data_root
        from mmdeeplab.config.output_stride import with_output_stride
        from mmdeeplab.config.transforms import with_settings

        transforms: list[Transform] = []
        if self.data_root:
            transforms.append(partial(with_data_root, root=self.data_root))
        if self.output_stride is not None:
            transforms.append(partial(with_output_stride, output_stride=self.output_stride))
        if self.launcher is not None:
            transforms.append(partial(with_settings, values=dict(launcher=self.launcher)))
        return transforms
