"""What a prediction can be written as."""

KINDS = ('masks', 'color', 'overlay', 'prob', 'confidence')


def suffix(kind: str) -> str:
    """The suffix of files of one kind."""
    return '.npz' if kind == 'prob' else '.png'
