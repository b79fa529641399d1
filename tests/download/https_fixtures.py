"""The misbehaving server as a fixture, trusted by every download of the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from https_server import Server, make_certificate


@pytest.fixture(scope='session')
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp('certificate'))


@pytest.fixture
def server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An https server whose certificate is trusted, also by commands in other processes."""
    monkeypatch.setenv('SSL_CERT_FILE', str(certificate))
    for name in ('https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
    server = Server(certificate)
    yield server
    server.shutdown()
    server.server_close()
