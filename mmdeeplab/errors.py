"""The one exception that a command prints as a sentence, without a traceback; and a check."""

from collections.abc import Sequence


class UserError(ValueError):
    """Something the user can mend: the message names the file, key or value and the way out."""

    kind = ''
    """Which kind of bad data it is (:mod:`mmdeeplab.check.kinds`), where it is one."""


def choose(name: str, value: object, choices: Sequence[object], why: str = '') -> None:
    """Raise a ValueError that names ``value`` and the choices, unless it is one of them."""
    if value not in choices:
        raise ValueError(
            f'{name} must be one of {", ".join(map(str, choices))}, got {value!r}{why}'
        )
