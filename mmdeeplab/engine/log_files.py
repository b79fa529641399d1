"""Log files that a full disk cannot turn into the end of a run."""

import warnings

from mmengine.visualization import LocalVisBackend as MMEngineLocalVisBackend

from mmdeeplab.registry import VISBACKENDS


@VISBACKENDS.register_module()
class LocalVisBackend(MMEngineLocalVisBackend):
    """MMEngine's ``scalars.json``, which loses a line rather than the run."""

    warned = False

    def _dump(self, value_dict: dict, file_path: str, file_format: str) -> None:
        try:
            super()._dump(value_dict, file_path, file_format)
        except OSError as error:
            if not self.warned:
                warnings.warn(
                    f'{file_path} is not written: {error.strerror}; training goes on', stacklevel=2
                )
            self.warned = True
