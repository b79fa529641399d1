"""What a prediction can be written as."""

KINDS = ('masks', 'color', 'overlay', 'prob', 'confidence')
RECORD = 'predict.json'
"""File in a folder of predictions that says of which model they are."""


def suffix(kind: str) -> str:
    """The suffix of files of one kind."""
    return '.npz' if kind == 'prob' else '.png'
