"""Rows of a model zoo: what a checkpoint is, where it is, and what was published of it.

A model zoo is a JSON file: ``{"defaults": {...}, "checkpoints": [{...}, ...]}``, a row's keys being
those of :class:`Checkpoint`, and ``file`` below ``base_url`` standing for ``url``.
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
        miou: In percent.
        split: Of the data set.
        output_stride: Of the evaluation; None where it is not said.
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
    """One published file.

    Attributes:
        name: By which ``tools/weights.py get`` knows it.
        version: v1, v2, v3, v3+, lraspp, or backbone for ImageNet's weights of one.
        backbone: Short name.
        dataset: Whose classes it knows.
        url: https address.
        importer: Module of :mod:`mmdeeplab.weights` that reads it; ``mmdeeplab`` for files of ours;
            None when the network is not built here.
        config: Our config of the network, in ``configs/`` or beside the model zoo's file.
        cfg_options: ``KEY=VALUE`` that make the config fit.
        member: Pattern of the file's name within the archive; None when the file is no archive.
        trained_on: Data.
        results: Published scores; empty where none are.
        sha256: Of the file: 64 digits, or its first ones where the publisher gives no more; None
            where none is known, so that the first download is trusted and later ones compared.
        size: Bytes of the file.
        licence: As the publisher says.
        source: Where the address and the figures are from.
        note: What else is to be known.
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
        """Name of the file at the checkpoint's address."""
        return urlsplit(self.url).path.rpartition('/')[2]

    def result(self, multi_scale: bool) -> Result | None:
        """The first score with, or without, several scales; None where there is none."""
        return next((r for r in self.results if r.multi_scale == multi_scale), None)


def load(path: str | Path | None = None) -> list[Checkpoint]:
    """The rows of a model zoo's file; of the built-in ones by default.

    Raises:
        UserError: It cannot be read, or a row is wrong; the message names file, row and key.
    """
    paths = [Path(path)] if path else [HERE / f'{source}.json' for source in SOURCES]
    rows = [row for one in paths for row in _load(one)]
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
    """A row from its JSON.

    Raises:
        UserError: A key is unknown, or missing.
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
    """The row of a name.

    Raises:
        UserError: There is none; near names are told.
    """
    for row in rows:
        if row.name == name:
            return row
    hint = did_you_mean(name, [row.name for row in rows])
    hint = hint or f'; {tool("weights")} list has them'
    raise UserError(f'no checkpoint is named {name!r}{hint}')
