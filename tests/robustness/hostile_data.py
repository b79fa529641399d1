"""Data sets, work dirs and archives that lead out of their folder."""

import importlib.util
import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from robustness.hostile_files import Case
from robustness.mini import draw
from robustness.watch import Watch

LISTS = 'ImageSets/Segmentation'


def listed(line: str) -> Callable[[Path, Watch], Path]:
    """A data set whose list of training images ends in ``line``."""

    def make(folder: Path, watch: Watch) -> Path:
        root = draw(folder / 'data')
        shutil.copy(next((root / 'JPEGImages').glob('*.jpg')), watch.outside / 'secret.jpg')
        shutil.copy(next((root / 'SegmentationClass').glob('*.png')), watch.outside / 'secret.png')
        path = root / LISTS / 'train.txt'
        path.write_text(path.read_text() + line.replace('OUTSIDE', str(watch.outside)) + '\n')
        return root

    return make


def linked(name: str, target: str) -> Callable[[Path, Watch], Path]:
    """A data set in which one file is a link to the secret."""

    def make(folder: Path, watch: Watch) -> Path:
        root = draw(folder / 'data')
        first = (root / LISTS / 'train.txt').read_text().split()[0]
        path = root / name.format(first)
        path.unlink(missing_ok=True)
        path.symlink_to(watch.outside / target)
        return root

    return make


def pointed(text: str, link: bool = False) -> Callable[[Path, Watch], Path]:
    """A work dir whose ``last_checkpoint`` leads out, or is itself a link."""

    def make(folder: Path, watch: Watch) -> Path:
        work = folder / 'work'
        work.mkdir()
        (watch.outside / 'iter_9.safetensors').write_bytes(b'x')
        pointer = work / 'last_checkpoint'
        if link:
            (work / 'iter_9.safetensors').symlink_to(watch.outside / 'iter_9.safetensors')
        else:
            pointer.write_text(text.replace('OUTSIDE', str(watch.outside)))
        return work

    return make


def tar(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = ''
) -> Callable[[Path, Watch], Path]:
    """An archive with one member that leads out."""

    def make(folder: Path, watch: Watch) -> Path:
        with tarfile.open(folder / 'evil.tar', 'w') as out:
            info = tarfile.TarInfo(name.replace('OUTSIDE', str(watch.outside)))
            info.type, info.linkname = kind, target.replace('OUTSIDE', str(watch.outside))
            info.size = 1 if kind == tarfile.REGTYPE else 0
            out.addfile(info, io.BytesIO(b'x'))
            if target:
                inside = tarfile.TarInfo(f'{name}/canary')
                inside.size = 1
                out.addfile(inside, io.BytesIO(b'x'))
        return folder / 'evil.tar'

    return make


def zipped(name: str, size: int = 1) -> Callable[[Path, Watch], Path]:
    """A zip whose member leads out, or swells."""

    def make(folder: Path, watch: Watch) -> Path:
        with zipfile.ZipFile(folder / 'evil.zip', 'w', zipfile.ZIP_DEFLATED) as out:
            out.writestr(name, bytes(size))
        return folder / 'evil.zip'

    return make


def data_sets() -> list[Case]:
    """Lists and links."""
    lines = ('../../../outside/secret', 'OUTSIDE/secret', './../../../outside/secret', 'a\0b')
    links = {
        'JPEGImages/{}.jpg': 'secret.txt',
        'SegmentationClass/{}.png': 'secret.txt',
        f'{LISTS}/train.txt': 'secret.txt',
        'classes.txt': 'secret.txt',
    }
    cases = [Case(f'list: {line!r}', 'data', listed(line)) for line in lines]
    cases += [Case(f'link: {name}', 'data', linked(name, to)) for name, to in links.items()]
    return [*cases, Case('split name', 'split', listed('x'))]


def work_dirs() -> list[Case]:
    """Pointers."""
    texts = ('../../outside/iter_9.safetensors', 'OUTSIDE/iter_9.safetensors', '../../outside')
    cases = [Case(f'last_checkpoint: {text}', 'work dir', pointed(text)) for text in texts]
    return [*cases, Case('a checkpoint that is a link', 'work dir', pointed('', link=True))]


def archives() -> list[Case]:
    """What ``extract`` meets."""
    if not importlib.util.find_spec('mmdeeplab.fileio'):
        return []
    cases = {
        '../': tar('../outside/canary'),
        'absolute': tar('OUTSIDE/canary'),
        'a link': tar('a', tarfile.SYMTYPE, 'OUTSIDE'),
        'a hard link': tar('a', tarfile.LNKTYPE, '../outside/secret.txt'),
        'a device': tar('a', tarfile.CHRTYPE),
        'zip ../': zipped('../outside/canary'),
        'zip absolute': zipped('/tmp/../canary'),
    }
    return [Case(f'archive: {name}', 'archive', make) for name, make in cases.items()]
