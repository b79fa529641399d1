"""What a result looks like on the wire."""

import base64
from collections.abc import Sequence

from mmdeeplab.inference.segmentation import Segmentation


def as_json(result: Segmentation, seconds: float) -> dict:
    """Classes with their areas, the largest first, and the mask.

    ``mask`` is a PNG in base64 whose pixels are class ids, of the picture's size after the rotation
    that its EXIF tag asks for.
    """
    height, width = result.labels.shape
    classes = describe(result.classes, result.palette)
    ids = {row['name']: row for row in classes}
    return dict(
        width=width,
        height=height,
        seconds=round(seconds, 3),
        classes=[ids[name] | dict(area=share) for name, share in result.areas.items()],
        mask=base64.b64encode(result.encode('masks')).decode('ascii'),
    )


def describe(classes: Sequence[str], palette: Sequence[Sequence[int]]) -> list[dict]:
    """Id, name and colour of every class."""
    return [
        dict(id=i, name=name, colour='#{:02x}{:02x}{:02x}'.format(*colour))
        for i, (name, colour) in enumerate(zip(classes, palette, strict=False))
    ]
