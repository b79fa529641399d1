"""Keep the results of the check between runs, so that only changed files are read again."""

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path

from mmdeeplab.datasets.check.sample import CheckedSample
from mmdeeplab.fileio.atomic import Disk, replacing
from mmdeeplab.fileio.cache_dir import cache_folder

VERSION = 4  # raise it with every change of what `look_at` finds
_loaded: dict[Path, dict[str, dict]] = {}  # also serves where nothing can be written


class SampleCache:
    """Results of the check for the samples of two folders, images and masks.

    A result is used only while the stamps of both files are unchanged
    (:mod:`mmdeeplab.fileio.file_stamp`). A damaged cache file, or one of another version, is
    ignored.

    Args:
        key: What the results depend on besides the files: the folders and suffixes.
    """

    def __init__(self, key: str) -> None:
        name = hashlib.sha256(f'{VERSION}\n{key}'.encode()).hexdigest()[:24]
        self.path = cache_folder() / 'check' / f'{name}.json'
        self.records = _loaded.setdefault(self.path, {})
        if not self.records:
            self.records.update(_read(self.path))

    def get(self, name: str, stamps: list[list[int]]) -> CheckedSample | None:
        """The result for the sample ``name``, if its files are unchanged; otherwise None."""
        record = self.records.get(name)
        if record is None or record['stamps'] != stamps:
            return None
        return CheckedSample(**record['sample'])

    def put(self, name: str, stamps: list[list[int]], sample: CheckedSample) -> None:
        self.records[name] = dict(stamps=stamps, sample=asdict(sample))

    def save(self) -> None:
        """Write the cache file as a whole; nothing happens if its folder cannot be written."""
        body = json.dumps(self.records, separators=(',', ':'))
        text = f'{hashlib.sha256(body.encode()).hexdigest()}\n{body}'
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path, Disk()) as file:
                file.write(text.encode())
        except OSError:
            return


def _read(path: Path) -> dict[str, dict]:
    """The results in a cache file; none if its checksum does not hold."""
    try:
        digest, _, body = path.read_text(encoding='utf-8').partition('\n')
        if hashlib.sha256(body.encode()).hexdigest() != digest:
            return {}
        records = json.loads(body)
        field_names = {field.name for field in fields(CheckedSample)}
        sound = all(
            record['stamps'] and set(record['sample']) == field_names for record in records.values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return records if sound else {}
