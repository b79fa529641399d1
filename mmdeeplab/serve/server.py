"""Run the HTTP server until the user stops it."""

import contextlib
import socket

import uvicorn
from starlette.types import ASGIApp

from mmdeeplab.errors import UserError


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
            timeout_graceful_shutdown=2,
            ws='none',
        )
    )


def run(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until Ctrl-C or SIGTERM."""
    with contextlib.suppress(KeyboardInterrupt):
        make_server(app).run(sockets=[listener])
