"""The options that every command with a config has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdeeplab.config.changes import ConfigChange


@dataclass(frozen=True)
class ConfigOptions:
    """Options of every command that reads a config; None leaves what the config says.

    Attributes:
        cfg_options: ``KEY=VALUE`` texts, which override settings of the file.
        data_root: The folder of every data set.
        output_stride: 8, 16 or 32; for the backbone, and for the rates of neck and head.
        launcher: ``none``, ``pytorch`` or ``slurm``.
    """

    cfg_options: Sequence[str] = ()
    data_root: str | None = None
    output_stride: int | None = None
    launcher: str | None = None

    def changes(self) -> list[ConfigChange]:
        """The changes that the options make to a config, in order; ``cfg_options`` come before."""
        from mmdeeplab.config.changes import with_settings
        from mmdeeplab.config.data import with_data_root
        from mmdeeplab.config.output_stride import with_output_stride

        changes: list[ConfigChange] = []
        if self.data_root:
            changes.append(partial(with_data_root, root=self.data_root))
        if self.output_stride is not None:
            changes.append(partial(with_output_stride, output_stride=self.output_stride))
        if self.launcher is not None:
            changes.append(partial(with_settings, values=dict(launcher=self.launcher)))
        return changes
