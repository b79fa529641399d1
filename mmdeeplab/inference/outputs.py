"""Where predictions go: complete files, never of two models in one folder."""

import json
from collections.abc import Sequence
from pathlib import Path

from mmdeeplab.download.disk import placing
from mmdeeplab.errors import UserError
from mmdeeplab.inference.kinds import suffix
from mmdeeplab.inference.segmentation import Segmentation

RECORD = 'predict.json'


class Outputs:
    """``FOLDER/KIND/NAME.png`` for every image, and ``FOLDER/predict.json`` saying of which model.

    A file appears complete or not at all, so what is there need not be made again.

    Args:
        folder: Made when missing.
        kinds: What to write, of :data:`mmdeeplab.inference.kinds.KINDS`.
        settings: What the predictions depend on: model, weights, options.
        overwrite: Make everything anew.

    Raises:
        UserError: The folder holds predictions with other settings.
    """

    def __init__(
        self, folder: Path, kinds: Sequence[str], settings: dict, overwrite: bool = False
    ) -> None:
        self.folder, self.kinds, self.overwrite = folder, tuple(kinds), overwrite
        record = folder / RECORD
        there = _read(record)
        if there is not None and there != settings and not overwrite:
            changed = [key for key in settings if there.get(key) != settings[key]]
            raise UserError(
                f'{folder} holds predictions with another {", ".join(changed) or "setting"} '
                f'(see {record}); give another --out, or --overwrite'
            )
        with placing(record) as partial:
            partial.write_text(json.dumps(settings, indent=2) + '\n')

    def path(self, kind: str, name: str) -> Path:
        """The file of one kind."""
        return self.folder / kind / f'{name}{suffix(kind)}'

    def done(self, name: str) -> bool:
        """Whether every wanted file is there."""
        return not self.overwrite and all(self.path(kind, name).is_file() for kind in self.kinds)

    def write(self, name: str, result: Segmentation) -> None:
        """Write every wanted kind."""
        for kind in self.kinds:
            result.save(self.path(kind, name), kind)


def _read(record: Path) -> dict | None:
    try:
        return dict(json.loads(record.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(
            f'{record} cannot be read ({error}); remove it, or use --overwrite'
        ) from error
