"""Files from the network and out of archives: whole, checked, and nowhere but where they belong."""

from mmdeeplab.download.archive import extract, members
from mmdeeplab.download.checksum import Expected, digest
from mmdeeplab.download.containers import Limits
from mmdeeplab.download.transfer import Patience, fetch

__all__ = ['Expected', 'Limits', 'Patience', 'digest', 'extract', 'fetch', 'members']
