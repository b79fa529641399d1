"""Run the HTTP server until the user stops it."""

import asyncio
import contextlib
import json
import socket

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mmdeeplab.errors import UserError
from mmdeeplab.serve.headers import HEADERS

SILENCE = 10  # seconds for the head of a request; then its connection is closed


class Connection(H11Protocol):
    """uvicorn's connection, closed if no request comes; what is no HTTP is answered in JSON."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def on_response_complete(self) -> None:
        self.silence.cancel()
        self._await_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.silence.cancel()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        self.silence = self.loop.call_later(SILENCE, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        body = json.dumps(dict(error='this is no valid HTTP request')).encode()
        headers = HEADERS | {'Content-Type': 'application/json', 'Connection': 'close'}
        headers['Content-Length'] = str(len(body))
        response = h11.Response(status_code=400, headers=[*headers.items()])
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # no other answer has begun
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b'')
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 chooses a free port.

    Raises:
        UserError: The address is in use, or is not this machine's.
    """
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        words = getattr(error, 'strerror', None) or str(error)
        raise UserError(
            f'cannot listen on {host}:{port}: {words}; choose another --port (0: any free one)'
        ) from error


def address(listener: socket.socket) -> str:
    """The address to type into a browser."""
    host, port = listener.getsockname()[:2]
    return f'http://[{host}]:{port}' if ':' in host else f'http://{host}:{port}'


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Make the HTTP server, which logs only warnings and errors."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,  # uvicorn's own would close the log files of the whole process
            log_level='warning',
            access_log=False,
            server_header=False,
            http=Connection,
            timeout_graceful_shutdown=2,
            ws='none',
        )
    )


def run(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until Ctrl-C or SIGTERM."""
    with contextlib.suppress(KeyboardInterrupt):
        make_server(app).run(sockets=[listener])
