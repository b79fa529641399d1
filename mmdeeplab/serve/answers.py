"""What a result looks like on the wire."""

import base64
from collections.abc import Sequence

from mmdeeplab.datasets.stored_kind import lost_in_rgb
from mmdeeplab.inference.segmentation import Segmentation


def notice_of(data: bytes) -> str:
    """What the network does not see of a picture's file; nothing where it sees all."""
    lost = lost_in_rgb(data)
    return f'the picture has {lost}; the network takes RGB of 8 bits and saw those' if lost else ''


def as_json(result: Segmentation, seconds: float, notice: str = '') -> dict:
    """Classes with their areas, the largest first, the mask, and a ``notice`` where there is one.

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
        **(dict(notice=notice) if notice else {}),
    )


def describe(classes: Sequence[str], palette: Sequence[Sequence[int]]) -> list[dict]:
    """Id, name and colour of every class."""
    return [
        dict(id=i, name=name, colour='#{:02x}{:02x}{:02x}'.format(*colour))
        for i, (name, colour) in enumerate(zip(classes, palette, strict=False))
    ]
