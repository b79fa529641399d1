"""What cannot be built from a config is told in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmdeeplab.errors import UserError

# ImportError: a metric or a part whose package is not installed.
ERRORS = (ValueError, TypeError, KeyError, AttributeError, AssertionError, ImportError)


@contextmanager
def building(what: str) -> Iterator[None]:
    """Say what part of a config cannot be built."""
    try:
        yield
    except UserError:
        raise
    except ERRORS as error:
        raise UserError(f'{what} cannot be built from the config: {error}') from error
