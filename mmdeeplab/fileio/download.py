"""Download files: interrupted downloads are resumed, and files are verified before use."""

from __future__ import annotations

import http.client
import ssl
import sys
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

from tqdm import tqdm

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.atomic import require_room
from mmdeeplab.fileio.checksum import Expected, digest
from mmdeeplab.fileio.https import StartOverError, TransientError, request
from mmdeeplab.fileio.partial_file import Part

BLOCK = 1 << 18
MAX_SIZE = 8 << 30
LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Patience:
    """How often and how long a failed download is tried again.

    Attributes:
        tries: Number of attempts in a row without a new byte after which it is given up.
        wait: Seconds before the second attempt; doubled after each attempt without a new byte.
        timeout: Seconds without data after which a connection counts as broken.
    """

    tries: int = 5
    wait: float = 1.0
    timeout: float = 30.0


def fetch(
    url: str,
    path: str | Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    max_size: int = MAX_SIZE,
    patience: Patience = Patience(),
    context: ssl.SSLContext | None = None,
    quiet: bool = False,
) -> str:
    """Download ``url`` to ``path``; an interrupted download is resumed from ``path.part``.

    The file gets its name when it is complete and verified. An existing file with the expected
    checksum is kept; another is replaced.

    Args:
        url: An https address; redirects must stay on https.
        path: The file; missing folders are made.
        sha256: Expected SHA-256, or its first digits (:class:`Expected`).
        md5: Expected MD5.
        size: Expected number of bytes.
        max_size: Number of bytes after which a download is given up.
        patience: How often and how long to try again.
        context: Certificates to trust instead of the system's.
        quiet: Show no progress.

    Returns:
        The SHA-256 of the file.

    Raises:
        UserError: The download failed; it has the address, the path and the way out.
    """
    path, expected = Path(path), Expected(sha256, md5, size)
    if expected.known and path.is_file() and not expected.fault(path):
        return digest(path)
    limit = min(max_size, size) if size is not None else max_size
    with Part(path, url) as part:
        failures = best = 0
        while True:
            try:
                fresh = _receive(part, expected, limit, patience.timeout, context, quiet)
                fault = expected.fault(part.path)
                if not fault:
                    part.publish()
                    return digest(path)
                part.discard()
                if fresh:
                    raise UserError(f'{url} is not the expected file: {fault}; nothing is kept')
                reason = f'what was put together is not the expected file ({fault})'
            except TransientError as error:
                if isinstance(error, StartOverError):
                    part.discard()
                reason = str(error)
            failures = 0 if part.size > best else failures + 1
            best = max(best, part.size)
            if failures >= patience.tries:
                raise UserError(_given_up(part, reason, patience))
            wait = min(patience.wait * 2 ** max(failures - 1, 0), LONGEST_WAIT)
            if not quiet:
                tqdm.write(f'{url}: {reason}; trying again in {wait:g} s', file=sys.stderr)
            time.sleep(wait)


def _given_up(part: Part, reason: str, patience: Patience) -> str:
    rest = f'; {part.size:,} bytes stay in {part.path} for the next call' if part.size else ''
    return (
        f'{part.url} could not be downloaded to {part.final}: {reason} '
        f'({patience.tries} attempts){rest}'
    )


def _receive(
    part: Part,
    expected: Expected,
    limit: int,
    timeout: float,
    context: ssl.SSLContext | None,
    quiet: bool,
) -> bool:
    """Make one attempt: request the missing bytes and append them.

    Returns:
        Whether the response had the whole file.

    Raises:
        TransientError: The transfer broke off.
        UserError: Another attempt would not help.
    """
    if part.whole:
        return False
    headers = {'Accept-Encoding': 'identity', 'User-Agent': 'mmdeeplab', **part.headers()}
    with request(part.url, headers, timeout, context) as response:
        part.begin(response)
        _check_announced(part, response, expected, limit)
        with tqdm(
            total=part.length,
            initial=part.size,
            desc=part.final.name,
            unit='B',
            unit_scale=True,
            unit_divisor=1024,
            disable=True if quiet else None,
        ) as bar:
            _copy(response, part, limit, bar)
        if part.length is not None and part.size != part.length:
            raise TransientError(f'the transfer broke off after {part.size:,} of {part.length:,}')
        return response.status == 200


def _check_announced(part: Part, response: HTTPResponse, expected: Expected, limit: int) -> None:
    """Refuse a response whose announced size is wrong, before a byte is read."""
    url, length = part.url, part.length
    if encoding := response.headers.get('Content-Encoding', ''):
        raise UserError(f'{url}: the server sends the file encoded as {encoding}, unasked')
    if length is None:
        chunked = bool(response.chunked)
        if not (chunked or expected.known or expected.size is not None):
            raise UserError(f'{url}: the server does not say how long the file is')
        return
    if expected.size is not None and length != expected.size:
        raise UserError(f'{url} has {length:,} bytes, not the expected {expected.size:,}')
    if length > limit:
        raise UserError(f'{url} has {length:,} bytes; the limit is {limit:,}')
    require_room(part.path, length - part.size)


def _copy(response: HTTPResponse, part: Part, limit: int, bar: tqdm) -> None:
    """Append the bytes that the server sends to the partial file."""
    while True:
        try:
            block = response.read(BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(f'the transfer broke off ({error!r})') from error
        if not block:
            return
        if part.size + len(block) > limit:
            part.discard()
            raise UserError(f'{part.url} sends more than the limit of {limit:,} bytes')
        part.write(block)
        bar.update(len(block))
