"""Pictures of any bands and depth as RGB of 8 bits, to be looked at."""

import numpy as np

SHARES = (2, 98)  # percentiles that become black and white
LOOKED_AT = 1_000_000  # pixels by which they are found


def shown_bands(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of (H, W, bands): the first three bands, or the first one as grey.

    Values of more than 8 bits are stretched, so that 2 % of those shown are black and 2 % white.
    """
    shown = picture[..., :3] if picture.shape[2] >= 3 else np.repeat(picture[..., :1], 3, 2)
    if shown.dtype == np.uint8:
        return shown
    step = max(int((shown[..., 0].size / LOOKED_AT) ** 0.5), 1)
    return stretched(shown, *stretch(shown[::step, ::step]))


def stretch(shown: np.ndarray) -> tuple[float, float]:
    """The values that become black and white, of some of a picture's."""
    low, high = np.percentile(shown, SHARES)
    return float(low), float(high)


def stretched(shown: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values of any depth as uint8, ``low`` as black and ``high`` as white."""
    grey = (shown.astype(np.float32) - low) * (255 / max(high - low, 1e-12))
    return grey.clip(0, 255).round().astype(np.uint8)
