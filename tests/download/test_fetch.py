"""Downloads from a server that breaks, truncates, redirects and lies."""

import errno
import fcntl
import hashlib
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from https_server import Page, Server, Tunnel, make_certificate

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.download import Patience, fetch

BODY = bytes(range(256)) * 2000  # half a megabyte: several blocks
SHA = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
QUICK = Patience(tries=3, wait=0.01, timeout=5)


def get(url: str, path: Path, **how: object) -> str:
    return fetch(url, path, patience=QUICK, quiet=True, **how)  # type: ignore[arg-type]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_and_nothing_else_stays(server: Server, tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'a.bin'
    assert get(server.put('/a', BODY), path, sha256=SHA, md5=MD5, size=len(BODY)) == SHA
    assert path.read_bytes() == BODY
    assert left(path.parent) == ['a.bin']


def test_a_file_with_the_checksum_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    path = tmp_path / 'a'
    path.write_bytes(BODY)
    assert get(server.put('/a', b'other'), path, sha256=SHA) == SHA
    assert server.log == []


def test_an_altered_file_is_replaced(server: Server, tmp_path: Path) -> None:
    path = tmp_path / 'a'
    path.write_bytes(BODY[:-1] + b'x')
    get(server.put('/a', BODY), path, sha256=SHA)
    assert path.read_bytes() == BODY


def test_a_broken_transfer_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    url = server.put('/a', BODY, breaks=[300_000, 100_000])
    assert get(url, tmp_path / 'a') == SHA
    assert [range_ for _, range_ in server.log] == ['', 'bytes=300000-', 'bytes=400000-']


def test_another_process_goes_on_later(server: Server, tmp_path: Path) -> None:
    url = server.put('/a', BODY, breaks=[300_000, 0, 0, 0])
    with pytest.raises(UserError, match=r'broke off after 300,000 of 512,000 .*300,000 bytes stay'):
        get(url, tmp_path / 'a')
    assert left(tmp_path) == ['a.part', 'a.part.json']
    server.pages['/a'].breaks = []
    assert get(url, tmp_path / 'a', sha256=SHA) == SHA
    assert server.log[-1] == ('/a', 'bytes=300000-')
    assert left(tmp_path) == ['a']


def test_progress_renews_the_patience(server: Server, tmp_path: Path) -> None:
    url = server.put('/a', BODY, breaks=[50_000] * 9)
    assert get(url, tmp_path / 'a') == SHA


def change(page: Page) -> None:
    page.body, page.etag = BODY, '"2"'


def test_a_file_that_changed_between_attempts_is_fetched_anew(
    server: Server, tmp_path: Path
) -> None:
    url = server.put('/a', BODY[::-1], breaks=[300_000], then=change)
    assert get(url, tmp_path / 'a') == SHA
    assert server.log[1] == ('/a', 'bytes=300000-')


def keep_etag(page: Page) -> None:
    page.body = BODY


def test_a_file_that_changed_in_secret_is_found_by_its_checksum(
    server: Server, tmp_path: Path
) -> None:
    url = server.put('/a', BODY[::-1], breaks=[300_000], then=keep_etag)
    assert get(url, tmp_path / 'a', sha256=SHA) == SHA
    assert [range_ for _, range_ in server.log] == ['', 'bytes=300000-', '']


def shorten(page: Page) -> None:
    page.body = BODY[:200_000]


def test_a_file_that_became_shorter_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    url = server.put('/a', BODY, breaks=[300_000], then=shorten)
    assert get(url, tmp_path / 'a') == hashlib.sha256(BODY[:200_000]).hexdigest()


@pytest.mark.parametrize('how', [dict(ranges=False), dict(etag=''), dict(etag='W/"1"')])
def test_without_ranges_or_a_strong_validator_it_starts_over(
    server: Server, tmp_path: Path, how: dict
) -> None:
    assert get(server.put('/a', BODY, breaks=[300_000], **how), tmp_path / 'a') == SHA
    asked = '' if 'etag' in how else 'bytes=300000-'
    assert [range_ for _, range_ in server.log] == ['', asked]


def test_a_server_that_ignores_ranges_and_always_breaks_is_given_up(
    server: Server, tmp_path: Path
) -> None:
    url = server.put('/a', BODY, ranges=False, breaks=[300_000] * 99)
    with pytest.raises(UserError, match='3 attempts'):
        get(url, tmp_path / 'a')
    assert len(server.log) < 8


@pytest.mark.parametrize('note', ['', '{}', '{"url": 1}', '[', '{"url": "URL", "length": "x"}'])
def test_a_part_of_unknown_origin_is_not_built_on(
    server: Server, tmp_path: Path, note: str
) -> None:
    url = server.put('/a', BODY)
    (tmp_path / 'a.part').write_bytes(b'x' * 1000)
    (tmp_path / 'a.part.json').write_text(note.replace('URL', url))
    assert get(url, tmp_path / 'a') == SHA
    assert server.log == [('/a', '')]


def test_killed_after_the_last_byte_it_only_checks(server: Server, tmp_path: Path) -> None:
    url = server.put('/a', BODY)
    (tmp_path / 'a.part').write_bytes(BODY)
    note = f'{{"url": "{url}", "validator": "\\"1\\"", "length": {len(BODY)}}}'
    (tmp_path / 'a.part.json').write_text(note)
    assert get(url, tmp_path / 'a', sha256=SHA) == SHA
    assert server.log == []


@pytest.mark.parametrize('statuses', [[503], [500, 429], [502, 504]])
def test_passing_errors_are_waited_for(server: Server, tmp_path: Path, statuses: list) -> None:
    assert get(server.put('/a', BODY, statuses=list(statuses)), tmp_path / 'a') == SHA
    assert len(server.log) == len(statuses) + 1


def test_waits_double_while_nothing_comes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr('mmdeeplab.fileio.download.time.sleep', waits.append)
    url = server.put('/a', BODY, statuses=[503, 503, 503], breaks=[300_000])
    assert fetch(url, tmp_path / 'a', patience=Patience(5, 0.01, 5), quiet=True) == SHA
    assert waits == [0.01, 0.02, 0.04, 0.01]


@pytest.mark.parametrize('status', [500, 503])
def test_errors_that_stay_are_reported(server: Server, tmp_path: Path, status: int) -> None:
    url = server.put('/a', BODY, statuses=[status] * 9)
    with pytest.raises(UserError, match=rf'{url} could not be downloaded to .*a: .*{status}'):
        get(url, tmp_path / 'a')
    assert len(server.log) == QUICK.tries
    assert left(tmp_path) == []


@pytest.mark.parametrize('status', [400, 401, 403, 404, 410])
def test_what_is_not_there_is_not_asked_for_twice(
    server: Server, tmp_path: Path, status: int
) -> None:
    url = server.put('/a', BODY, statuses=[status])
    with pytest.raises(UserError, match=rf'{url}: the server answers {status}'):
        get(url, tmp_path / 'a')
    assert len(server.log) == 1
    assert left(tmp_path) == []


LIES: dict[str, tuple[dict, dict, str]] = {
    'other content': (dict(body=BODY[::-1]), dict(sha256=SHA), 'its sha256 is'),
    'other content, md5': (dict(body=BODY[::-1]), dict(md5=MD5), 'its md5 is'),
    'other content, first digits': (dict(body=BODY[::-1]), dict(sha256=SHA[:8]), 'its sha256 is'),
    'other length': (dict(body=BODY[1:]), dict(size=len(BODY)), 'not the expected 512,000'),
    'cut short in silence': (dict(body=BODY, announced=9999), dict(sha256=SHA), 'its sha256 is'),
    'too long announced': (dict(body=BODY, announced=999_999), {}, 'broke off|416'),
    'a web page': (dict(body=b'\n<!DOCTYPE html><p>Gone'), {}, 'it is a web page'),
    'a web page in capitals': (dict(body=b'<HTML>' * 99), {}, 'it is a web page'),
    'encoded': (dict(body=BODY, headers={'Content-Encoding': 'gzip'}), {}, 'encoded as gzip'),
    'no length': (dict(body=BODY, silent=True), {}, 'does not say how long'),
    'endless': (dict(body=BODY, silent=True), dict(sha256=SHA, max_size=99_999), 'limit of 99,999'),
    'too large': (dict(body=BODY), dict(max_size=99_999), 'the limit is 99,999'),
    'larger than expected': (dict(body=BODY, silent=True), dict(size=99_999), 'limit of 99,999'),
    'larger than any disk': (dict(body=BODY, announced=1 << 50), dict(max_size=1 << 51), 'no room'),
}


@pytest.mark.parametrize('name', LIES)
def test_a_lie_is_never_kept(server: Server, tmp_path: Path, name: str) -> None:
    page, expected, message = LIES[name]
    url = server.put('/a', **page)
    with pytest.raises(UserError, match=message) as error:
        get(url, tmp_path / 'a', **expected)
    assert url in str(error.value) or str(tmp_path) in str(error.value)
    assert 'a' not in left(tmp_path)


def test_a_body_of_unknown_length_is_taken_with_a_checksum(server: Server, tmp_path: Path) -> None:
    assert get(server.put('/a', BODY, silent=True), tmp_path / 'a', sha256=SHA) == SHA


def test_chunks_say_themselves_where_they_end(server: Server, tmp_path: Path) -> None:
    url = server.put('/a', BODY, chunked=True, breaks=[300_000])
    assert get(url, tmp_path / 'a') == SHA
    assert [range_ for _, range_ in server.log] == ['', 'bytes=262144-']


def test_redirects_within_https_are_followed(server: Server, tmp_path: Path) -> None:
    server.put('/there', BODY, breaks=[300_000])
    url = server.put('/a', location=server.address('/there'))
    assert get(url, tmp_path / 'a', sha256=SHA) == SHA
    assert server.log[-1] == ('/there', 'bytes=300000-')


def test_a_redirect_to_http_is_refused(server: Server, tmp_path: Path) -> None:
    plain = Server()
    target = plain.put('/a', BODY)
    url = server.put('/a', location=target)
    with pytest.raises(UserError, match=rf'{url} redirects to {target}: only https'):
        get(url, tmp_path / 'a')
    plain.shutdown()
    assert plain.log == []
    assert left(tmp_path) == []


@pytest.mark.parametrize('location', ['file:///etc/hostname', 'ftp://localhost/a', '/a'])
def test_redirects_to_files_and_in_circles_are_refused(
    server: Server, tmp_path: Path, location: str
) -> None:
    with pytest.raises(UserError, match=r'circle|only https'):
        get(server.put('/a', location=location), tmp_path / 'a')
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    'url',
    ['http://localhost/a', 'file:///etc/hostname', 'ftp://a/b', '/etc/hostname', 'https:///a'],
)
def test_only_https_is_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match='only https'):
        get(url, tmp_path / 'a')
    assert left(tmp_path) == []


def test_an_unknown_certificate_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SSL_CERT_FILE', str(make_certificate(tmp_path)))
    before = left(tmp_path)
    with pytest.raises(UserError, match='certificate of localhost is not valid'):
        get(server.put('/a', BODY), tmp_path / 'a')
    assert left(tmp_path) == before


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='refused'):
        get('https://localhost:9/a', tmp_path / 'a')


@pytest.mark.parametrize('wrong', [dict(sha256='xyz'), dict(sha256='ab12'), dict(md5='ab' * 15)])
def test_a_checksum_that_is_none_is_named(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(UserError, match='hexadecimal digits'):
        get('https://localhost/a', tmp_path / 'a', **wrong)


def test_a_second_download_to_the_same_place_is_refused(server: Server, tmp_path: Path) -> None:
    def race(page: Page) -> None:
        with pytest.raises(UserError, match=r'another process is downloading to .*a\.part'):
            get(server.address('/b'), tmp_path / 'a')
        page.headers['Raced'] = 'yes'

    server.put('/b', BODY)
    server.put('/a', BODY, then=race, breaks=[300_000])
    assert get(server.address('/a'), tmp_path / 'a') == SHA
    assert 'Raced' in server.pages['/a'].headers


def test_a_file_system_without_locks_is_no_other_process(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*args: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, 'flock', flock)
    assert get(server.put('/a', BODY), tmp_path / 'a') == SHA


def test_an_address_of_other_letters_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'https://localhost/ä is no address'):
        get('https://localhost/ä', tmp_path / 'a')


def fill(*args: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, 'fsync', fill)
    with pytest.raises(
        UserError, match=r'cannot write .*a: No space left.*free, 512,000 are needed'
    ):
        get(server.put('/a', BODY), tmp_path / 'a')
    assert 'a' not in left(tmp_path)


FILL = """
import resource, sys
from mmdeeplab.cli.common import sentence
from mmdeeplab.fileio.download import fetch
from mmdeeplab.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    fetch(sys.argv[1], sys.argv[2], quiet=True)
except UserError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_is_named_and_gone_on_with(
    server: Server, tmp_path: Path
) -> None:
    """The kernel itself refuses the write, in another process."""
    assert resource.RLIMIT_FSIZE
    url = server.put('/a', BODY)
    done = subprocess.run(
        [sys.executable, '-c', FILL, url, str(tmp_path / 'a')], capture_output=True, text=True
    )
    assert 'cannot write' in done.stdout, done.stderr
    assert 'a.part' in done.stdout
    assert get(url, tmp_path / 'a', sha256=SHA) == SHA
    assert server.log[-1][1].startswith('bytes=')


def test_a_folder_that_cannot_be_flushed_is_no_error(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []
    flush = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            refused.append(handle)
            raise OSError(22, 'Invalid argument')
        flush(handle)

    monkeypatch.setattr(os, 'fsync', fsync)
    assert get(server.put('/a', BODY), tmp_path / 'a') == SHA
    assert refused
    assert left(tmp_path) == ['a']


@pytest.mark.parametrize('folder', ['file', '/proc/read-only'])
def test_a_folder_that_cannot_be_written_is_named(
    server: Server, tmp_path: Path, folder: str
) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match=rf'cannot write .*{folder}/a\.part'):
        get(server.put('/a', BODY), tmp_path / folder / 'a')
    assert server.log == []


def test_progress_is_shown(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    fetch(server.put('/a', BODY, statuses=[503]), tmp_path / 'a.bin', patience=QUICK)
    shown = capsys.readouterr().err
    assert 'a.bin' in shown
    assert '500k/500k' in shown
    assert 'trying again in' in shown


def test_a_proxy_of_the_environment_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Tunnel() as tunnel:
        monkeypatch.setenv('https_proxy', f'http://127.0.0.1:{tunnel.server_address[1]}')
        assert get(server.put('/a', BODY), tmp_path / 'a', sha256=SHA) == SHA
    assert [asked.split()[:2] for asked in tunnel.asked] == [
        ['CONNECT', f'localhost:{server.server_port}']
    ]
