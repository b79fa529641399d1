"""Convert pictures of any bands and depth to RGB of 8 bits, for people to look at."""

import numpy as np

SHARES = (2, 98)  # percentiles that become black and white
LOOKED_AT = 1_000_000  # pixels by which they are found


def shown_bands(picture: np.ndarray) -> np.ndarray:
    """Convert a picture (H, W, bands) to (H, W, 3) uint8: its first three bands, or one as grey.

    Values of more than 8 bits are stretched so that 2 % of them become black and 2 % white.
    """
    shown = picture[..., :3] if picture.shape[2] >= 3 else np.repeat(picture[..., :1], 3, 2)
    if shown.dtype == np.uint8:
        return shown
    step = max(int((shown[..., 0].size / LOOKED_AT) ** 0.5), 1)
    return stretched(shown, *stretch(shown[::step, ::step]))


def stretch(shown: np.ndarray) -> tuple[float, float]:
    """The values that become black and white, computed from a sample of a picture's values."""
    low, high = np.percentile(shown, SHARES)
    return float(low), float(high)


def stretched(shown: np.ndarray, low: float, high: float) -> np.ndarray:
    """Convert values of any depth to uint8, with ``low`` as black and ``high`` as white."""
    grey = (shown.astype(np.float32) - low) * (255 / max(high - low, 1e-12))
    return grey.clip(0, 255).round().astype(np.uint8)
