"""The limits of requests, and their refusal."""

from dataclasses import asdict, dataclass
from math import isfinite

from mmdeeplab.errors import UserError

MEGA = 1_000_000


@dataclass(frozen=True)
class RequestLimits:
    """The limits of requests.

    Attributes:
        max_megabytes: Largest size of an upload, in 10^6 bytes.
        max_pixels: Largest width times height of a picture, which is read from the file's header
            before anything is decoded.
        timeout: Seconds for the upload, and as many for waiting and segmenting.
        waiting: Largest number of requests that wait for the network.

    Raises:
        UserError: A limit is not positive, or infinite.
    """

    max_megabytes: float = 16
    max_pixels: int = 16 * MEGA
    timeout: float = 60
    waiting: int = 8

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (value > 0 and isfinite(value)):
                option = name.replace('_', '-')
                requirement = 'finite' if value > 0 else 'positive'
                raise UserError(f'--{option} must be {requirement}, got {value}')

    @property
    def max_bytes(self) -> int:
        """The size of an upload in bytes."""
        return int(self.max_megabytes * MEGA)


class Refusal(Exception):
    """A request is refused with a sentence.

    Args:
        status: The HTTP status.
        sentence: What is wrong, and the way out.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
