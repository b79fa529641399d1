"""What a prediction can be written as."""

OUTPUTS = ('masks', 'color', 'overlay', 'prob', 'confidence')
RECORD = 'predict.json'
"""File in a folder of predictions that says of which model they are."""
CALIBRATION = 'calibration_sha256'
"""In it, of the pictures that int8 and bf16 were corrected by; where others are, masks are made
again instead of refused."""


def suffix(output: str) -> str:
    """The suffix of files of one output."""
    return '.npz' if output == 'prob' else '.png'
