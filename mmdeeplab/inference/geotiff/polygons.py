"""The regions of a label map as polygons on the earth, in GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from mmdeeplab.datasets.annotations.class_ids import is_background

LONGITUDE_LATITUDE = 'EPSG:4326'


def features(labels: Any, place: Mapping[str, Any], classes: Sequence[str]) -> Iterator[dict]:
    """One polygon for every region of a class, its holes left open; void and background have none.

    Pixels that share a side belong to one region. Points are corners of pixels, in longitude and
    latitude as RFC 7946 wants them; without a reference system in the raster's own coordinates.

    Args:
        labels: (H, W) uint8, or a band of rasterio, which is read by itself.
        place: Of a :class:`mmdeeplab.inference.geotiff.grid.Grid` with a transformation.
        classes: Names in id order.
    """
    from rasterio.features import shapes
    from rasterio.warp import transform_geom

    first = 1 if is_background(classes[0]) else 0
    for shape, value in shapes(labels, connectivity=4, transform=place['transform']):
        label = int(value)
        if first <= label < len(classes):
            if place.get('crs'):
                shape = transform_geom(place['crs'], LONGITUDE_LATITUDE, shape)
            properties = {'id': label, 'class': classes[label]}
            yield dict(type='Feature', properties=properties, geometry=shape)


def write_features(file: TextIO, found: Iterator[dict]) -> None:
    """A FeatureCollection, one feature a line, none of them kept in memory."""
    file.write('{"type": "FeatureCollection", "features": [')
    for number, feature in enumerate(found):
        file.write((',\n' if number else '\n') + json.dumps(feature))
    file.write('\n]}\n')
