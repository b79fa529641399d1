"""Convert the regions of a label map to GeoJSON polygons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from mmdeeplab.datasets.annotations.class_ids import is_background

LONGITUDE_LATITUDE = 'EPSG:4326'


def features(labels: Any, place: Mapping[str, Any], classes: Sequence[str]) -> Iterator[dict]:
    """Yield a polygon with holes for every region of a class; void and background have none.

    Pixels that share a side belong to the same region. The points are corners of pixels, in
    longitude and latitude as RFC 7946 demands; without a reference system they are in the raster's
    own coordinates.

    Args:
        labels: (H, W) uint8, or a band of rasterio.
        place: ``place`` of a :class:`mmdeeplab.inference.geotiff.grid.Grid` with a transformation.
        classes: Names in id order.
    """
    from rasterio.features import shapes
    from rasterio.warp import transform_geom

    first_label = 1 if is_background(classes[0]) else 0
    for shape, value in shapes(labels, connectivity=4, transform=place['transform']):
        label = int(value)
        if first_label <= label < len(classes):
            if place.get('crs'):
                shape = transform_geom(place['crs'], LONGITUDE_LATITUDE, shape)
            properties = {'id': label, 'class': classes[label]}
            yield dict(type='Feature', properties=properties, geometry=shape)


def write_features(file: TextIO, polygons: Iterator[dict]) -> None:
    """Write a FeatureCollection, one feature per line, without keeping them in memory."""
    file.write('{"type": "FeatureCollection", "features": [')
    for number, feature in enumerate(polygons):
        file.write((',\n' if number else '\n') + json.dumps(feature))
    file.write('\n]}\n')
