"""The responses of the HTTP interface."""

import base64
from collections.abc import Sequence

from mmdeeplab.datasets.stored_kind import lost_in_rgb
from mmdeeplab.inference.segmentation import Segmentation


def notice_of(data: bytes) -> str:
    """A notice about bands or bits of a picture that the network does not see; empty if none."""
    lost = lost_in_rgb(data)
    return f'the picture has {lost}; the network takes RGB of 8 bits and saw those' if lost else ''


def as_json(result: Segmentation, seconds: float, notice: str = '') -> dict:
    """The JSON of a result: classes by area, the largest first, the mask, and a ``notice`` if any.

    ``mask`` is a base64 PNG whose pixels are class ids; it has the size of the picture after the
    rotation of its EXIF tag.
    """
    height, width = result.labels.shape
    classes = describe(result.classes, result.palette)
    by_name = {row['name']: row for row in classes}
    return dict(
        width=width,
        height=height,
        seconds=round(seconds, 3),
        classes=[by_name[name] | dict(area=share) for name, share in result.areas.items()],
        mask=base64.b64encode(result.encode('masks')).decode('ascii'),
        **(dict(notice=notice) if notice else {}),
    )


def describe(classes: Sequence[str], palette: Sequence[Sequence[int]]) -> list[dict]:
    """The id, name and colour of every class, as JSON."""
    return [
        dict(id=i, name=name, colour='#{:02x}{:02x}{:02x}'.format(*colour))
        for i, (name, colour) in enumerate(zip(classes, palette, strict=False))
    ]
