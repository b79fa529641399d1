"""Pictures with coordinates: a GeoTIFF in, label maps and polygons on its grid out."""
