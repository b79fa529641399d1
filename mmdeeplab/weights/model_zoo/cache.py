"""The cache of converted checkpoints, each with a record of its origin.

``weights/NAME.safetensors`` is the checkpoint and ``weights/NAME.json`` its record.
``downloads/NAME/`` exists while it is downloaded and converted, by the one process that holds
``downloads/NAME.lock``. ``seen/NAME.json`` has the checksum that a file had at its first download,
if none is published.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mmdeeplab.fileio.atomic import placing
from mmdeeplab.fileio.cache_dir import cache_folder
from mmdeeplab.fileio.checksum import digest
from mmdeeplab.version import __version__
from mmdeeplab.weights.model_zoo.rows import Checkpoint


@dataclass(frozen=True)
class Record:
    """The record of a file in the cache: its origin, and its own checksum."""

    name: str
    url: str
    downloaded: str
    file: str
    sha256: str
    config: str | None = None
    cfg_options: tuple[str, ...] = ()
    converter: str = ''


PARTS = ('', 'converters/', 'readers/')  # of mmdeeplab.weights, on whose code a file depends


def converter_version() -> str:
    """A hash of version and code of the converters, on which a converted file depends as well."""
    weights = Path(__file__).parents[1]
    sources = sorted(path for part in PARTS for path in weights.glob(f'{part}*.py'))
    return f'{__version__}-{digest(*sources)[:12]}'


class WeightCache:
    """A folder of checkpoints.

    Args:
        folder: That of :mod:`mmdeeplab.fileio.cache_dir` by default.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder).expanduser() if folder else cache_folder()

    def downloads(self, name: str) -> Path:
        """The folder for the downloads of ``name``."""
        return self.folder / 'downloads' / name

    def weights(self, name: str) -> Path:
        """The path of a converted checkpoint in the cache."""
        return self.folder / 'weights' / f'{name}.safetensors'

    def record(self, name: str) -> Record | None:
        """The record of ``name``; None if its conversion was never completed."""
        content = _read(self.weights(name).with_suffix('.json'))
        try:
            return Record(**{**content, 'cfg_options': tuple(content['cfg_options'])})
        except (KeyError, TypeError):
            return None

    def verified(self, name: str, row: Checkpoint | None = None) -> Path | None:
        """The checkpoint ``name``, if it is in the cache, unaltered, and the one of ``row``."""
        record = self.record(name)
        if record is None or Path(record.file).name != record.file:
            return None
        path = self.weights(name).parent / record.file
        if not path.is_file() or digest(path) != record.sha256:
            return None
        if row and (
            record.url != row.url
            or not record.downloaded.startswith(row.sha256 or '')
            or (record.config, record.cfg_options) != (row.config, row.cfg_options)
        ):
            return None
        return path

    def keep(self, row: Checkpoint, downloaded: str, path: Path) -> None:
        """Write the record of a checkpoint that has been written to the cache."""
        record = Record(
            row.name,
            row.url,
            downloaded=downloaded,
            file=path.name,
            sha256=digest(path),
            config=row.config,
            cfg_options=row.cfg_options,
            converter=converter_version(),
        )
        _write(path.with_name(f'{row.name}.json'), asdict(record))

    def seen(self, row: Checkpoint) -> str | None:
        """The SHA-256 that the file of a row had at its first download from this address."""
        return _read(self._seen(row)).get(row.url)

    def see(self, row: Checkpoint, sha256: str) -> None:
        """Record the SHA-256 that a checkpoint had at its first download."""
        _write(self._seen(row), {row.url: sha256})

    def _seen(self, row: Checkpoint) -> Path:
        return self.folder / 'seen' / f'{row.name}.json'


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: dict) -> None:
    with placing(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
