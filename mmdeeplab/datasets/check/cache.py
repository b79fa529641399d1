"""What was seen of each file before, kept between runs: only changed files are looked at again."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path

from mmdeeplab.datasets.check.sample import CheckedSample
from mmdeeplab.fileio.atomic import Disk, replacing
from mmdeeplab.fileio.cache_dir import cache_folder

VERSION = 3  # raise it with every change of what `look_at` finds
_loaded: dict[Path, dict[str, dict]] = {}  # also serves where nothing can be written


class SampleCache:
    """Samples of one pair of folders, by id and by the stamps of their two files.

    A record is used only while the stamps of both files are the same
    (:mod:`mmdeeplab.fileio.file_stamp`).
    A damaged cache file, or one of another version, is as good as none.

    Args:
        key: What the records depend on besides the files: the folders and suffixes.
    """

    def __init__(self, key: str) -> None:
        name = hashlib.sha256(f'{VERSION}\n{key}'.encode()).hexdigest()[:24]
        self.path = cache_folder() / 'check' / f'{name}.json'
        self.records = _loaded.setdefault(self.path, {})
        if not self.records:
            self.records.update(_read(self.path))

    def get(self, name: str, stamps: list[list[int]]) -> CheckedSample | None:
        """The sample ``name``, if its files are unchanged."""
        record = self.records.get(name)
        if record is None or record['stamps'] != stamps:
            return None
        return CheckedSample(**record['sample'])

    def put(self, name: str, stamps: list[list[int]], sample: CheckedSample) -> None:
        self.records[name] = dict(stamps=stamps, sample=sample.record())

    def save(self) -> None:
        """Write at one stroke; a folder that cannot be written is no error."""
        body = json.dumps(self.records, separators=(',', ':'))
        text = f'{hashlib.sha256(body.encode()).hexdigest()}\n{body}'
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path, Disk()) as file:
                file.write(text.encode())
        except OSError:
            return


def _read(path: Path) -> dict[str, dict]:
    """The records of a file whose checksum holds; else none."""
    try:
        digest, _, body = path.read_text(encoding='utf-8').partition('\n')
        if hashlib.sha256(body.encode()).hexdigest() != digest:
            return {}
        records = json.loads(body)
        known = {field.name for field in fields(CheckedSample)}
        sound = all(
            record['stamps'] and set(record['sample']) == known for record in records.values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return records if sound else {}
