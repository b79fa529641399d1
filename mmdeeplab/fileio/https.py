"""Make requests over https only, with checked certificates, also after redirects."""

from __future__ import annotations

import http.client
import ssl
from email.message import Message
from http.client import HTTPResponse
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from mmdeeplab.errors import UserError

PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses after which a later attempt may succeed
RANGE_REFUSED = 416


class TransientError(Exception):
    """The connection or the server failed, but another attempt may succeed."""


class StartOverError(TransientError):
    """The bytes received so far are not of the file that the server has now."""


class _StayOnHttps(HTTPRedirectHandler):
    """Follow redirects, but only to https."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        require_https(newurl, f'{req.full_url} redirects to ')
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def require_https(url: str, said_by: str = '') -> None:
    """Refuse an address that is not https.

    Raises:
        UserError: It has the address, after the text ``said_by``.
    """
    parts = urlsplit(url)
    if parts.scheme != 'https' or not parts.hostname:
        raise UserError(f'{said_by}{url}: only https addresses are downloaded from')


def request(
    url: str, headers: dict[str, str], timeout: float, context: ssl.SSLContext | None = None
) -> HTTPResponse:
    """Request ``url``, through the proxies of the environment.

    Args:
        url: An https address.
        headers: Headers to send, also after a redirect.
        timeout: Seconds without data after which the connection counts as broken.
        context: Certificates to trust; by default the system's (``SSL_CERT_FILE`` names others).

    Returns:
        The response, with status 200 or 206.

    Raises:
        TransientError: Another attempt may succeed.
        StartOverError: The server does not have the requested range.
        UserError: Another attempt would not help.
    """
    require_https(url)
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPSHandler(context=context or ssl.create_default_context()),
        HTTPDefaultErrorHandler(),
        _StayOnHttps(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    try:
        return opener.open(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        raise _refusal(url, error) from error
    except (http.client.InvalidURL, UnicodeError) as error:
        raise UserError(f'{url} is no address: {error}') from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise UserError(
                f'{url}: the certificate of {urlsplit(url).hostname} is not valid '
                f'({reason.verify_message}); SSL_CERT_FILE names the authorities to trust'
            ) from error
        raise TransientError(str(reason) or type(reason).__name__) from error


def _refusal(url: str, error: HTTPError) -> Exception:
    """The exception for an HTTP status other than success."""
    said = f'the server answers {error.code} ({error.reason})'
    if error.code == RANGE_REFUSED:
        return StartOverError(said)
    if error.code in PASSING:
        return TransientError(said)
    if 300 <= error.code < 400:
        return UserError(f'{url} redirects in a circle, or to nowhere')
    return UserError(f'{url}: {said}')
