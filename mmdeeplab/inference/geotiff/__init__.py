"""Segment pictures with coordinates (GeoTIFF) into label maps and polygons on the same grid."""
