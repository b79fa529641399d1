"""Turn errors of MMEngine's builders into sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmdeeplab.errors import UserError

# ImportError: a metric or a part whose package is not installed.
ERRORS = (ValueError, TypeError, KeyError, AttributeError, AssertionError, ImportError)


@contextmanager
def building(part: str) -> Iterator[None]:
    """Raise a UserError in place of an error while ``part`` of the config is built."""
    try:
        yield
    except UserError:
        raise
    except ERRORS as error:
        raise UserError(f'{part} cannot be built from the config: {error}') from error
