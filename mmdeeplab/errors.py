"""The exception that commands print as a sentence without traceback, and parts of sentences."""

from collections.abc import Iterable, Sequence

SHOWN = 8  # names that a sentence spells out


class UserError(ValueError):
    """An error that the user can fix: the message names file, key or value, and the way out."""

    fault = ''
    """Key of :data:`mmdeeplab.datasets.check.faults.FAULTS` where data are bad, else empty."""


def bad_data(fault: str, message: str) -> UserError:
    """A UserError about bad data, with a kind of fault.

    Args:
        fault: A key of :data:`mmdeeplab.datasets.check.faults.FAULTS`.
        message: What is wrong, and the way out.
    """
    error = UserError(message)
    error.fault = fault
    return error


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of a GPU, ran out."""
    words = str(error)
    return isinstance(error, MemoryError) or "can't allocate" in words or 'out of memory' in words


def choose(name: str, value: object, choices: Sequence[object], why: str = '') -> None:
    """Raise a ValueError that names ``value`` and the choices, unless it is one of them."""
    if value not in choices:
        raise ValueError(
            f'{name} must be one of {", ".join(map(str, choices))}, got {value!r}{why}'
        )


def listed(names: Sequence[str], most: int = SHOWN) -> str:
    """The first ``most`` names as text, and how many more there are."""
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' * (len(names) > most))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``; did you mean CHOICE?`` if ``word`` looks like a misspelt choice, otherwise empty."""
    near = nearest(word, choices)
    return f'; did you mean {near}?' if near else ''


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice with the least edit distance; None if all differ by over a third of the word.

    A difference in upper and lower case counts half. Of equally near choices, the alphabetically
    first one is taken.
    """
    limit = max(len(word) / 3, 1)
    near = (choice for choice in set(choices) if abs(len(choice) - len(word)) <= limit)
    ranked = sorted((edits(word, choice), choice) for choice in near)
    return ranked[0][1] if ranked and ranked[0][0] <= limit else None


def edits(a: str, b: str) -> float:
    """The edit distance of two words: letters dropped, added, replaced, or neighbours swapped."""
    rows = [[float(j) for j in range(len(b) + 1)]]
    for i, x in enumerate(a, 1):
        row = [float(i)]
        for j, y in enumerate(b, 1):
            change = 0 if x == y else 0.5 if x.lower() == y.lower() else 1
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + change)
            if i > 1 and j > 1 and (x, y) == (b[j - 2], a[i - 2]):
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
