"""The rows of a model zoo: published checkpoints, with their addresses and scores.

A model zoo is a JSON file ``{"defaults": {...}, "checkpoints": [{...}, ...]}``. The keys of a row
are the attributes of :class:`Checkpoint`; instead of ``url`` it may have ``file``, which is then
relative to ``base_url``.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mmdeeplab.command_names import tool
from mmdeeplab.errors import UserError, did_you_mean
from mmdeeplab.fileio.checksum import Expected
from mmdeeplab.fileio.https import require_https

HERE = Path(__file__).parent
SOURCES = ('tf', 'coral', 'torchvision', 'mmseg', 'timm', 'hf')  # files, in the order of the list
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._+-]*')
OWN = 'mmdeeplab'  # importer of files that need no conversion
LONGEST_DIGEST = 64


@dataclass(frozen=True)
class Result:
    """A published score.

    Attributes:
        miou: mIoU in percent.
        split: Split of the data set.
        output_stride: Output stride in the evaluation; None if unknown.
        multi_scale: Whether several scales were averaged.
        flip: Whether mirror images were averaged, too.
    """

    miou: float
    split: str = 'val'
    output_stride: int | None = None
    multi_scale: bool = False
    flip: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint.

    Attributes:
        name: Its name for ``tools/weights.py get``.
        version: v1, v2, v3, v3+, lraspp, or backbone (ImageNet weights of a backbone).
        backbone: Short name of the backbone.
        dataset: The data set whose classes it has.
        url: https address of the file.
        importer: The converter in :mod:`mmdeeplab.weights` for it; ``mmdeeplab`` for files in our
            format; None if there is no such network here.
        config: Our config of the network, in ``configs/`` or beside the model zoo's file.
        cfg_options: ``KEY=VALUE`` settings that make the config fit.
        member: Pattern for the file's name inside an archive; None if it is not an archive.
        trained_on: The training data.
        results: Published scores; empty if there are none.
        sha256: Checksum of the file: 64 digits, or the first ones if the publisher gives no more.
            None if none is published; then the first download is trusted, and later ones are
            compared with it.
        size: Size of the file in bytes.
        licence: The licence that the publisher states.
        source: Where address and scores are from.
        note: Anything else that a user should know.
    """

    name: str
    version: str
    backbone: str
    dataset: str
    url: str
    importer: str | None
    config: str | None = None
    cfg_options: tuple[str, ...] = ()
    member: str | None = None
    trained_on: str = ''
    results: tuple[Result, ...] = ()
    sha256: str | None = None
    size: int | None = None
    licence: str = ''
    source: str = ''
    note: str = ''

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise UserError(f'a name is made of letters, digits and ._+-, got {self.name!r}')
        require_https(self.url, f'{self.name}: ')
        if not NAME.fullmatch(self.file_name):
            raise UserError(f'{self.name}: {self.url} does not end in the name of a file')
        Expected(self.sha256, size=self.size)
        if self.importer not in (None, OWN) and not self.config:
            raise UserError(f'{self.name}: no config to convert into')

    @property
    def file_name(self) -> str:
        """Name of the file, the last part of its address."""
        return urlsplit(self.url).path.rpartition('/')[2]

    def result(self, multi_scale: bool) -> Result | None:
        """The first score with or without several scales; None if there is none."""
        return next((r for r in self.results if r.multi_scale == multi_scale), None)


def load(path: str | Path | None = None) -> list[Checkpoint]:
    """Load the rows of a model zoo's file; by default of the built-in ones.

    Raises:
        UserError: The file cannot be read, or a row is wrong; it names file, row and key.
    """
    paths = [Path(path)] if path else [HERE / f'{source}.json' for source in SOURCES]
    rows = [row for file in paths for row in _load(file)]
    names = [row.name for row in rows]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f'{", ".join(map(str, paths))}: more than one {", ".join(doubled)}')
    return rows


def _load(path: Path) -> list[Checkpoint]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        defaults, entries = content.get('defaults', {}), content['checkpoints']
        return [_row({**defaults, **entry}) for entry in entries]
    except UserError as error:
        raise UserError(f'{path}: {error}') from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f'{path} is not a model zoo: {error!r}') from error


def _row(entry: dict[str, Any]) -> Checkpoint:
    """Make a row from its JSON.

    Raises:
        UserError: A key is unknown or missing.
    """
    if 'file' in entry:
        entry['url'] = entry.pop('base_url') + entry.pop('file')
    entry.pop('base_url', None)
    name = entry.get('name', 'a row without a name')
    keys = {field.name: field for field in dataclasses.fields(Checkpoint)}
    for key in entry:
        if key not in keys:
            raise UserError(f'{name}: unknown key {key!r}{did_you_mean(key, keys)}')
    needed = [k for k, field in keys.items() if field.default is dataclasses.MISSING]
    if missing := [key for key in needed if key not in entry]:
        raise UserError(f'{name} says nothing of {", ".join(missing)}')
    results = tuple(Result(**result) for result in entry.pop('results', ()))
    options = tuple(entry.pop('cfg_options', ()))
    return Checkpoint(**entry, results=results, cfg_options=options)


def find(name: str, rows: Sequence[Checkpoint]) -> Checkpoint:
    """Find the row with a name.

    Raises:
        UserError: There is none; it suggests similar names.
    """
    for row in rows:
        if row.name == name:
            return row
    hint = did_you_mean(name, [row.name for row in rows])
    hint = hint or f'; {tool("weights")} list has them'
    raise UserError(f'no checkpoint is named {name!r}{hint}')
