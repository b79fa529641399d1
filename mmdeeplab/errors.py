"""The one exception that a command prints as a sentence, without a traceback."""


class UserError(ValueError):
    """Something the user can mend: the message names the file, key or value and the way out."""
