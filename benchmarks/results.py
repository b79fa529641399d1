"""Files of results, which programs read again."""

import json
from pathlib import Path

from mmdeeplab.errors import UserError


def read_results(path: Path, key: str, source: str, way_out: str) -> dict:
    """The dict in a file of results.

    Args:
        path: A JSON file.
        key: Of the dict in it without which it is something else.
        source: What writes such files, for the message.
        way_out: What to do, for the message.

    Raises:
        UserError: There is no such file, or it holds something else.
    """
    try:
        results = json.loads(path.read_text(encoding='utf-8'))
        results[key].items()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f'{path}: no results of {source} ({error}); {way_out}') from error
    return results
