"""Archives, good and hostile."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.archive import extract
from mmdeeplab.fileio.archive_formats import Limits

FILES = {'a/b/one.txt': b'one', 'a/two.bin': bytes(range(256)) * 40, 'three': b''}


def tar(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], mode: str = 'w') -> Path:
    with tarfile.open(path, mode) as out:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                out.addfile(member, io.BytesIO(b'x' * member.size))
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                out.addfile(info, io.BytesIO(member[1]))
    return path


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as out:
        for name, body in members:
            out.writestr(name, body)
    return path


def special(name: str, kind: bytes, target: str = '') -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def good(kind: str, path: Path) -> Path:
    if kind == 'zip':
        return zipped(path, *FILES.items())
    mode = {'tar': 'w', 'gz': 'w:gz', 'bz2': 'w:bz2', 'xz': 'w:xz'}[kind]
    return tar(path, special('a', tarfile.DIRTYPE), *FILES.items(), mode=mode)


def everything(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize('kind', ['tar', 'gz', 'bz2', 'xz', 'zip'])
def test_files_come_out_as_they_went_in(tmp_path: Path, kind: str) -> None:
    archive = good(kind, tmp_path / 'archive')
    assert extract(archive, tmp_path / 'out') == 3
    assert everything(tmp_path / 'out') == FILES


def test_a_second_run_writes_what_is_missing(tmp_path: Path) -> None:
    archive, out = good('gz', tmp_path / 'archive'), tmp_path / 'out'
    extract(archive, out)
    (out / 'a/two.bin').unlink()
    torn = out / 'a/.tmp-host-1-two.bin.0a1b2c3d'  # of a process that was killed
    torn.write_bytes(b'torn')
    before = (out / 'a/b/one.txt').stat().st_mtime_ns
    assert extract(archive, out) == 1
    torn.unlink()
    assert everything(out) == FILES
    assert (out / 'a/b/one.txt').stat().st_mtime_ns == before


def test_only_what_is_wanted_is_written(tmp_path: Path) -> None:
    archive = good('gz', tmp_path / 'archive')
    assert extract(archive, tmp_path / 'out', wanted=lambda name: name.suffix == '.txt') == 1
    assert list(everything(tmp_path / 'out')) == ['a/b/one.txt']


@pytest.mark.parametrize('kind', ['tar', 'zip'])
def test_a_file_of_the_user_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    out = tmp_path / 'out'
    (out / 'a').mkdir(parents=True)
    (out / 'a/two.bin').write_bytes(b'mine')
    with pytest.raises(UserError, match=r'two\.bin is there already and differs'):
        extract(good(kind, tmp_path / 'archive'), out)
    assert (out / 'a/two.bin').read_bytes() == b'mine'


def test_a_link_in_the_way_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/three').symlink_to(tmp_path / 'canary')
    with pytest.raises(UserError, match='three is there already'):
        extract(good('tar', tmp_path / 'archive'), tmp_path / 'out')
    assert not (tmp_path / 'canary').exists()


OUTSIDE = ['../canary', 'a/../../canary', '{tmp}/canary', '..\\canary', 'C:canary', '//canary']


@pytest.mark.parametrize('make', [tar, zipped])
@pytest.mark.parametrize('name', OUTSIDE)
def test_names_that_leave_the_folder(tmp_path: Path, make: Callable[..., Path], name: str) -> None:
    name = name.format(tmp=tmp_path)
    archive = make(tmp_path / 'archive', ('first', b'fine'), (name, b'owned'))
    with pytest.raises(UserError, match='would leave the folder'):
        extract(archive, tmp_path / 'out')
    assert sorted(everything(tmp_path)) == ['archive', 'out/first']


LINKS = [
    special('link', tarfile.SYMTYPE, '..'),
    special('link', tarfile.SYMTYPE, 'first'),
    special('link', tarfile.LNKTYPE, '../canary'),
    special('link', tarfile.LNKTYPE, 'first'),
    special('link', tarfile.FIFOTYPE),
    special('link', tarfile.CHRTYPE),
    special('link', tarfile.BLKTYPE),
]


@pytest.mark.parametrize('link', LINKS)
def test_links_and_devices(tmp_path: Path, link: tarfile.TarInfo) -> None:
    (tmp_path / 'canary').write_text('alive')
    archive = tar(tmp_path / 'archive', ('first', b'fine'), link, ('link/canary', b'owned'))
    with pytest.raises(UserError, match="'link' is neither a plain file nor a folder"):
        extract(archive, tmp_path / 'out')
    assert (tmp_path / 'canary').read_text() == 'alive'
    assert everything(tmp_path / 'out') == {'first': b'fine'}


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    link = zipfile.ZipInfo('link')
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = zipped(tmp_path / 'archive', (link, b'/etc/hostname'))
    with pytest.raises(UserError, match="'link' is neither"):
        extract(archive, tmp_path / 'out')


def bomb(path: Path, kind: str) -> Path:
    """Ten megabytes of nothing."""
    zeros = ('zeros', bytes(10_000_000))
    return zipped(path, zeros) if kind == 'zip' else tar(path, zeros, mode=f'w:{kind}')


@pytest.mark.parametrize('kind', ['gz', 'bz2', 'xz', 'zip'])
def test_too_much_is_not_unpacked(tmp_path: Path, kind: str) -> None:
    archive = bomb(tmp_path / 'archive', kind)
    assert archive.stat().st_size < 50_000
    with pytest.raises(UserError, match='unpacks to more than 1,000,000 bytes'):
        extract(archive, tmp_path / 'out', Limits(size=1_000_000))
    assert everything(tmp_path).keys() == {'archive'}
    assert extract(archive, tmp_path / 'out') == 1


@pytest.mark.parametrize('make', [tar, zipped])
def test_too_many_are_not_unpacked(tmp_path: Path, make: Callable[..., Path]) -> None:
    archive = make(tmp_path / 'archive', *((f'{i}', b'') for i in range(20)))
    with pytest.raises(UserError, match='more than 10 files'):
        extract(archive, tmp_path / 'out', Limits(files=10))
    assert len(everything(tmp_path / 'out')) == 10


def test_a_header_that_claims_gigabytes(tmp_path: Path) -> None:
    """tarfile reads an extended header in one go: 40 MB of it must not get that far."""
    header = special('name', tarfile.XHDTYPE)
    header.size = 40_000_000
    with gzip.open(tmp_path / 'archive', 'wb') as out:
        out.write(header.tobuf(tarfile.USTAR_FORMAT))
        out.write(bytes(40_000_000))
    with pytest.raises(UserError, match='claims to hold too much'):
        extract(tmp_path / 'archive', tmp_path / 'out')


@pytest.mark.parametrize('kind', ['gz', 'bz2', 'xz', 'zip', 'tar'])
@pytest.mark.parametrize('keep', [0.3, 0.9])
def test_a_truncated_archive(tmp_path: Path, kind: str, keep: float) -> None:
    archive = good(kind, tmp_path / 'archive')
    body = archive.read_bytes()
    end = sum(map(len, FILES.values())) + 2048 if kind == 'tar' else len(body)
    archive.write_bytes(body[: int(end * keep)])
    with pytest.raises(UserError, match='no archive, or a broken one'):
        extract(archive, tmp_path / 'out')
    assert all(FILES[name] == body for name, body in everything(tmp_path / 'out').items())


@pytest.mark.parametrize('pack', [gzip.compress, bz2.compress, lzma.compress])
def test_a_flipped_bit_in_a_compressed_archive(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    body = bytearray(pack(good('tar', tmp_path / 'archive').read_bytes()))
    body[len(body) // 2] ^= 1
    (tmp_path / 'archive').write_bytes(body)
    with pytest.raises(UserError, match=r'archive'):
        extract(tmp_path / 'archive', tmp_path / 'out')


@pytest.mark.parametrize('kind', ['tar', 'gz', 'zip'])
def test_any_flipped_byte_is_an_error_or_harmless(tmp_path: Path, kind: str) -> None:
    body, random = good(kind, tmp_path / 'archive').read_bytes(), Random(0)
    refused = 0
    for trial in range(150):
        broken = bytearray(body)
        for _ in range(random.choice([1, 4, 16])):
            broken[random.randrange(min(len(body), 4000))] = random.randrange(256)
        (tmp_path / 'archive').write_bytes(broken)
        try:
            extract(tmp_path / 'archive', tmp_path / 'out' / str(trial), Limits(1 << 20, 100))
        except UserError:
            refused += 1
    assert refused > 50
    assert {path.name for path in tmp_path.iterdir()} <= {'archive', 'out'}
    assert {path.name for path in (tmp_path / 'out').iterdir()} <= set(map(str, range(150)))


def test_the_checksum_at_the_end_is_read(tmp_path: Path) -> None:
    body = bytearray(good('gz', tmp_path / 'archive').read_bytes())
    body[-6] ^= 1  # the stored CRC itself
    (tmp_path / 'archive').write_bytes(body)
    with pytest.raises(UserError, match='broken one'):
        extract(tmp_path / 'archive', tmp_path / 'out')


@pytest.mark.parametrize('body', [b'', b'not an archive', b'<html>' * 500, b'PK\x03\x04rest'])
def test_something_else(tmp_path: Path, body: bytes) -> None:
    (tmp_path / 'archive').write_bytes(body)
    with pytest.raises(UserError, match='no archive, or a broken one'):
        extract(tmp_path / 'archive', tmp_path / 'out')


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='no archive at'):
        extract(tmp_path / 'archive', tmp_path / 'out')


def test_an_encrypted_zip(tmp_path: Path) -> None:
    archive = zipped(tmp_path / 'archive', ('secret', b'body'))
    body = bytearray(archive.read_bytes())
    for at in (6, body.index(b'PK\x01\x02') + 8):  # the flags, here and in the directory
        body[at] |= 1
    archive.write_bytes(body)
    with pytest.raises(UserError, match="'secret' is neither"):
        extract(archive, tmp_path / 'out')
