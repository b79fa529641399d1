"""A server on localhost that speaks https and misbehaves as it is told."""

import contextlib
import socket
import socketserver
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Page:
    """What the server does under one path.

    Attributes:
        body: The file.
        etag: Its validator; empty for none.
        ranges: Whether it honours Range.
        breaks: How many bytes each of the next answers sends before the connection is cut.
        statuses: What the next answers say in the place of the file.
        announced: A Content-Length that is not the body's.
        location: Where to send the client.
        headers: More headers.
        silent: Send neither Content-Length nor chunks.
        chunked: Send chunks; a break cuts them.
        then: Called after each answer, to change the page between attempts.
    """

    body: bytes = b''
    etag: str = '"1"'
    ranges: bool = True
    breaks: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    announced: int | None = None
    location: str = ''
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    chunked: bool = False
    then: object = None


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's pages."""

    server: 'Server'

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path)
        self.server.log.append((self.path, self.headers.get('Range', '')))
        if page is None:
            return self.send_error(404)
        if page.statuses:
            return self.send_error(page.statuses.pop(0))
        if page.location:
            self.send_response(302)
            self.send_header('Location', page.location)
            return self.end_headers()
        self.send_page(page)
        if callable(page.then):
            page.then(page)

    def send_page(self, page: Page) -> None:
        start = self.start(page)
        if start and start >= len(page.body):
            return self.send_error(416)
        body = page.body[start:]
        self.send_response(206 if start else 200)
        if start:
            size = len(page.body)
            self.send_header('Content-Range', f'bytes {start}-{size - 1}/{size}')
        if page.chunked:
            self.send_header('Transfer-Encoding', 'chunked')
        elif not page.silent:
            announced = len(body) if page.announced is None else page.announced
            self.send_header('Content-Length', str(announced))
        if page.etag:
            self.send_header('ETag', page.etag)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if page.chunked and body:
            body = b'%x\r\n%b\r\n0\r\n\r\n' % (len(body), body)
        self.wfile.write(body[: page.breaks.pop(0)] if page.breaks else body)
        self.close_connection = True

    def start(self, page: Page) -> int:
        """The first byte to send: Range counts only for the same file (If-Range)."""
        wanted = self.headers.get('Range', '')
        same = self.headers.get('If-Range') in (None, page.etag)
        return int(wanted[len('bytes=') : -1]) if page.ranges and wanted and same else 0

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """``pages`` by path; ``log`` has the path and Range of every request."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.pages: dict[str, Page] = {}
        self.log: list[tuple[str, str]] = []
        self.scheme = 'https' if certificate else 'http'
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def put(self, path: str, body: bytes = b'', **how: object) -> str:
        """Set what happens under ``path``; return its address."""
        self.pages[path] = Page(body, **how)  # type: ignore[arg-type]
        return self.address(path)

    def address(self, path: str) -> str:
        return f'{self.scheme}://localhost:{self.server_port}{path}'

    def handle_error(self, *args: object) -> None:
        pass


def make_certificate(folder: Path) -> Path:
    """A key and a certificate for localhost, in one file; it signs itself."""
    path = folder / 'localhost.pem'
    command = 'openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1'
    command += ' -subj /CN=localhost -addext subjectAltName=DNS:localhost'
    command += ' -keyout key.pem -out certificate.pem'
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    path.write_text((folder / 'key.pem').read_text() + (folder / 'certificate.pem').read_text())
    return path


class Tunnel(socketserver.ThreadingTCPServer):
    """A proxy that lets https through (CONNECT); ``asked`` has what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Relay)
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()


class Relay(socketserver.StreamRequestHandler):
    """Connects to where it is asked to, and copies both ways."""

    server: Tunnel

    def handle(self) -> None:
        first = self.rfile.readline().decode().strip()
        self.server.asked.append(first)
        while self.rfile.readline().strip():
            pass
        host, _, port = first.split()[1].partition(':')
        with socket.create_connection((host, int(port))) as there:
            self.wfile.write(b'HTTP/1.1 200 Connected\r\n\r\n')
            back = threading.Thread(target=copy, args=(there, self.connection), daemon=True)
            back.start()
            copy(self.connection, there)
            back.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    """Until the source has no more."""
    with contextlib.suppress(OSError):
        while block := source.recv(1 << 16):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
