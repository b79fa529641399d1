"""The archives of VOC and SBD: addresses, checksums, and numbers of images.

Addresses and checksums as in torchvision (`datasets/{voc,sbd}.py`, and sha256 in
`prototype/datasets/_builtin/{voc,sbd}.py`); VOC's old address redirects from http to this one.
"""

from dataclasses import dataclass
from pathlib import Path

from mmdeeplab.errors import UserError
from mmdeeplab.fileio.checksum import Expected
from mmdeeplab.fileio.download import fetch


@dataclass(frozen=True)
class Source:
    """An archive: file name, https address and checksums."""

    name: str
    url: str
    sha256: str
    md5: str | None = None


VOC = Source(
    'VOCtrainval_11-May-2012.tar',
    'https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar',
    'e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb',
    '6cd6e144f989b92b3379bac3b3de84fd',
)
SBD = Source(
    'benchmark.tgz',
    'https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/'
    'benchmark.tgz',
    '6a5a2918d5c73ce032fdeba876574d150d9d04113ab87540a1304cbcc715be53',
    '82b4d87ceb2ed10f6038a1cba92111cb',
)


@dataclass(frozen=True)
class SplitCounts:
    """Number of images in each list; by default VOC 2012's (arXiv 1706.05587, section 4)."""

    train: int = 1_464
    val: int = 1_449
    trainaug: int = 10_582


def obtain(source: Source, archives: Path, unverified: bool = False, quiet: bool = False) -> Path:
    """Find an archive in a folder and verify it; download it if it is missing.

    Args:
        source: The archive.
        archives: The folder.
        unverified: Accept an existing file whatever its checksum.
        quiet: Show no progress.

    Raises:
        UserError: The existing file has another checksum, or the download fails.
    """
    path = archives / source.name
    if path.is_file():
        fault = '' if unverified else Expected(source.sha256, source.md5).fault(path)
        if fault:
            raise UserError(
                f'{path} is not the published archive: {fault}. Remove it to have it fetched from '
                f'{source.url}, or take it as it is with --unverified'
            )
        return path
    try:
        fetch(source.url, path, sha256=source.sha256, md5=source.md5, quiet=quiet)
    except UserError as error:
        raise UserError(
            f'{error}. If you have {source.name}, name its folder with --archives'
        ) from error
    return path
