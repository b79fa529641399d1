"""Write log files so that a full disk does not end the run."""

import warnings

from mmengine.visualization import LocalVisBackend as MMEngineLocalVisBackend

from mmdeeplab.registry import VISBACKENDS


@VISBACKENDS.register_module()
class LocalVisBackend(MMEngineLocalVisBackend):
    """MMEngine's backend for ``scalars.json``; if a line cannot be written, it is lost."""

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
