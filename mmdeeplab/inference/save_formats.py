"""What a prediction can be written as."""

KINDS = ('masks', 'color', 'overlay', 'prob', 'confidence')
RECORD = 'predict.json'
"""File in a folder of predictions that says of which model they are."""
CALIBRATION = 'calibration_sha256'
"""In it, of the pictures that int8 and bf16 were corrected by; where others are, masks are made
again instead of refused."""


def suffix(kind: str) -> str:
    """The suffix of files of one kind."""
    return '.npz' if kind == 'prob' else '.png'
