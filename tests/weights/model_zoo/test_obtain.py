"""From the server to the cache: what is altered, missing or hostile never gets through."""

import dataclasses
import hashlib
import io
import shutil
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from https_server import Server

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.download import Patience
from mmdeeplab.weights.model_zoo import Checkpoint, WeightCache
from mmdeeplab.weights.model_zoo.obtain import obtain
from mmdeeplab.weights.resolve import find_checkpoint

BODY = b'weights' * 30_000
SHA = hashlib.sha256(BODY).hexdigest()
OTHER = b'another' * 30_000
QUICK = Patience(tries=2, wait=0.01, timeout=5)


def turned(body: bytes) -> bytes:
    return body[::-1]


class Lab:
    """A row on a server, a cache, and a conversion that turns the bytes around."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.cache = server, WeightCache(folder / 'cache')
        self.row = Checkpoint('mine', 'v3', 'r50', 'voc', server.put('/mine.bin', BODY), 'tf', 'c')
        self.converted = 0

    def convert(self, row: Checkpoint, source: Path, output: Path) -> None:
        self.converted += 1
        output.write_bytes(turned(source.read_bytes()))

    def change(self, **fields: object) -> None:
        self.row = dataclasses.replace(self.row, **fields)

    def get(self, **how: object) -> Path:
        return obtain(self.row, self.cache, self.convert, patience=QUICK, quiet=True, **how)

    def files(self) -> list[str]:
        found = (path for path in self.cache.folder.rglob('*') if path.is_file())
        names = (path.relative_to(self.cache.folder).as_posix() for path in found)
        return sorted(name for name in names if name != 'downloads/mine.lock')


@pytest.fixture
def lab(server: Server, tmp_path: Path) -> Lab:
    return Lab(server, tmp_path)


DONE = ['seen/mine.json', 'weights/mine.json', 'weights/mine.safetensors']


def test_fetched_converted_and_kept(lab: Lab) -> None:
    path = lab.get()
    assert path == lab.cache.folder / 'weights' / 'mine.safetensors'
    assert path.read_bytes() == turned(BODY)
    assert lab.files() == DONE


def test_a_second_time_needs_no_network(lab: Lab) -> None:
    first = lab.get()
    lab.server.pages.clear()
    lab.server.log.clear()
    assert lab.get() == first
    assert (lab.server.log, lab.converted) == ([], 1)


def test_two_processes_obtain_it_once(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor() as pool:
        first, others = [True], []
        convert = lab.convert

        def slow(row: Checkpoint, source: Path, output: Path) -> None:
            if first and first.pop():
                others.append(pool.submit(lab.get))
                while 'another process gets mine' not in capsys.readouterr().err:
                    assert not others[0].done()
                    time.sleep(0.01)
            return convert(row, source, output)

        lab.convert = slow
        assert lab.get() == others[0].result(timeout=30)
    assert (lab.converted, len(lab.server.log)) == (1, 1)
    assert lab.files() == DONE


@pytest.mark.parametrize('harm', ['altered', 'truncated', 'gone', 'no record', 'broken record'])
def test_what_is_harmed_in_the_cache_is_fetched_again(lab: Lab, harm: str) -> None:
    path = lab.get()
    record = path.with_suffix('.json')
    {
        'altered': lambda: path.write_bytes(b'x' + path.read_bytes()[1:]),
        'truncated': lambda: path.write_bytes(path.read_bytes()[:-1]),
        'gone': path.unlink,
        'no record': record.unlink,
        'broken record': lambda: record.write_text('{"name": "mine"'),
    }[harm]()
    assert lab.cache.verified('mine') is None
    assert lab.get().read_bytes() == turned(BODY)
    assert lab.converted == 2


def test_a_record_cannot_point_elsewhere(lab: Lab, tmp_path: Path) -> None:
    path = lab.get()
    record = path.with_suffix('.json')
    shutil.copy(path, tmp_path / 'elsewhere')
    record.write_text(record.read_text().replace('mine.safetensors', '../../elsewhere'))
    assert lab.cache.verified('mine') is None


@pytest.mark.parametrize(
    'change', [dict(config='d'), dict(cfg_options=('a=1',)), dict(sha256=SHA[::-1])]
)
def test_a_row_that_has_changed_is_fetched_again(lab: Lab, change: dict) -> None:
    lab.get()
    lab.change(**change)
    assert lab.cache.verified('mine', lab.row) is None
    assert lab.cache.verified('mine')


def test_what_another_importer_converted_is_told(
    lab: Lab, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.get()
    capsys.readouterr()
    lab.get()
    assert capsys.readouterr().err == ''
    record = lab.cache.weights('mine').with_suffix('.json')
    record.write_text(record.read_text().replace('"converter": "', '"converter": "0.0.9-'))
    lab.get()
    said = capsys.readouterr().err
    assert 'mine was converted by another version of the importer (0.0.9-' in said
    assert 'get mine --refresh' in said
    assert lab.converted == 1


def test_refresh_does_everything_again(lab: Lab) -> None:
    lab.get()
    lab.get(refresh=True)
    assert (len(lab.server.log), lab.converted) == (2, 2)


def test_a_known_checksum_is_demanded(lab: Lab) -> None:
    lab.server.put('/mine.bin', OTHER)
    for sha256 in (SHA, SHA[:8]):
        lab.change(sha256=sha256)
        with pytest.raises(UserError, match='is not the expected file: its sha256'):
            lab.get()
        assert lab.files() == []
    assert lab.converted == 0


def test_without_one_the_first_is_trusted_and_told(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.get()
    assert f'sha256 {SHA}; no full checksum is published' in capsys.readouterr().err
    lab.get(refresh=True)
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('sha256', [None, SHA[:8]])
def test_another_file_than_the_first_is_refused(lab: Lab, sha256: str | None) -> None:
    lab.change(sha256=sha256)
    kept = lab.get()
    lab.server.put('/mine.bin', OTHER)
    with pytest.raises(UserError, match=r'first download.*remove .*seen/mine\.json'):
        lab.get(refresh=True)
    assert kept.read_bytes() == turned(BODY)
    assert lab.cache.verified('mine') == kept


def test_a_full_checksum_says_nothing(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.change(sha256=SHA)
    lab.get()
    assert capsys.readouterr().err == ''
    assert lab.files() == DONE[1:]


def test_a_broken_transfer_goes_on(lab: Lab) -> None:
    lab.server.put('/mine.bin', BODY, breaks=[100_000, 0, 0])
    with pytest.raises(UserError, match='for the next call'):
        lab.get()
    assert lab.get().read_bytes() == turned(BODY)
    assert lab.server.log[-1] == ('/mine.bin', 'bytes=100000-')


def test_a_failed_conversion_keeps_the_download_and_nothing_else(lab: Lab) -> None:
    def fail(row: Checkpoint, source: Path, output: Path) -> None:
        output.write_bytes(b'half')
        raise UserError('does not fit')

    with pytest.raises(UserError, match='does not fit'):
        obtain(lab.row, lab.cache, fail, patience=QUICK, quiet=True)
    assert lab.files() == ['downloads/mine/mine.bin', 'seen/mine.json']
    lab.server.pages.clear()
    assert lab.get().read_bytes() == turned(BODY)
    assert lab.files() == DONE


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz') as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(BODY)
            tar.addfile(info, io.BytesIO(BODY))
    return out.getvalue()


def test_the_member_of_an_archive_is_converted(lab: Lab) -> None:
    body = archive('zoo/model.ckpt.index', 'zoo/model.ckpt.data-00000-of-00001', 'zoo/graph.pb')
    lab.change(url=lab.server.put('/zoo.tar.gz', body), member='*.index')

    def convert(row: Checkpoint, source: Path, output: Path) -> None:
        assert source.name == 'model.ckpt.index'
        assert source.with_name('model.ckpt.data-00000-of-00001').is_file()
        output.write_bytes(turned(source.read_bytes()))

    lab.convert = convert  # type: ignore[method-assign]
    lab.get()
    assert lab.files() == DONE


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['zoo/graph.pb'], r"0 files match '\*\.index', not 1; it holds zoo/graph.pb"),
        (['a.index', 'b.index'], '2 files match'),
        (['../a.index'], 'would leave the folder'),
        (['/a.index'], 'would leave the folder'),
    ],
)
def test_a_bad_archive_is_not_used(lab: Lab, names: list[str], message: str) -> None:
    lab.change(url=lab.server.put('/zoo.tar.gz', archive(*names)), member='*.index')
    with pytest.raises(UserError, match=message):
        lab.get()
    assert lab.converted == 0
    assert not [name for name in lab.files() if name.startswith('weights')]


def test_files_of_ours_are_kept_as_they_are(lab: Lab) -> None:
    lab.change(importer='mmdeeplab', url=lab.server.put('/ours.pth', BODY), config=None)
    assert lab.get().read_bytes() == BODY
    assert lab.get().name == 'mine.pth'
    lab.change(url=lab.server.put('/ours.zip', BODY))
    with pytest.raises(UserError, match=r'for \.safetensors and \.pth, got ours\.zip'):
        lab.get()


def test_a_network_that_is_not_built_is_refused(lab: Lab) -> None:
    lab.change(importer=None, note='Not built.')
    with pytest.raises(UserError, match=r'mine cannot be imported: Not built\. It is at https'):
        lab.get()
    assert lab.server.log == []


def test_a_cache_that_cannot_be_written_is_named(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    lab.cache = WeightCache(tmp_path / 'file')
    with pytest.raises(UserError, match='cannot write'):
        lab.get()


def test_a_name_stands_for_its_checkpoint(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(lab.cache.folder))
    path = lab.get()
    assert find_checkpoint('mine') == path
    path.write_bytes(b'altered')
    with pytest.raises(UserError, match='no checkpoint at mine'):
        find_checkpoint('mine')


def test_a_name_that_is_not_here_yet(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(lab.cache.folder))
    with pytest.raises(UserError, match=r'not here yet: tools/weights\.py get hf_mobilenetv2_voc'):
        find_checkpoint('hf_mobilenetv2_voc')


def test_a_file_of_that_name_comes_first(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('MMDEEPLAB_CACHE', str(lab.cache.folder))
    lab.get()
    monkeypatch.chdir(tmp_path)
    Path('mine').touch()
    assert find_checkpoint('mine') == Path('mine')
