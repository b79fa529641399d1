"""The file formats of predictions."""

ANNOTATIONS = ('coco', 'labelme', 'cvat', 'yolo')
"""For the tool of that name, to be corrected there."""
OUTPUTS = ('masks', 'color', 'overlay', 'prob', 'confidence', *ANNOTATIONS)
GEODATA = ('masks', 'color', 'overlay', 'geojson')
"""What is written on the grid of a picture with coordinates; ``geojson`` is of such ones alone."""
SAVED = (*OUTPUTS, 'geojson')
"""All that ``predict --save`` takes."""
RECORD = 'predict.json'
"""File in a folder of predictions that says of which model they are."""
CALIBRATION = 'calibration_sha256'
"""In it, of the pictures that int8 and bf16 were corrected by; where others are, masks are made
again instead of refused."""
OVERLAY_FORMATS = {'png': '.png', 'jpeg': '.jpg'}
"""What overlays can be written as, and the suffix of their files."""
_SUFFIXES = dict(
    prob='.npz', coco='.json', labelme='.json', cvat='.xml', yolo='.txt', geojson='.geojson'
)


def suffix(output: str, overlay_format: str = 'png', on_grid: bool = False) -> str:
    """The suffix of the files of one output; ``on_grid``: the picture has coordinates."""
    if on_grid and output in GEODATA and output not in _SUFFIXES:
        return '.tif'
    if output == 'overlay':
        return OVERLAY_FORMATS[overlay_format]
    return _SUFFIXES.get(output, '.png')
