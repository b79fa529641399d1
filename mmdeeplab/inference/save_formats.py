"""The file formats of predictions."""

ANNOTATIONS = ('coco', 'labelme', 'cvat', 'yolo')
"""Outputs for annotation tools of these names."""
OUTPUTS = ('masks', 'color', 'overlay', 'prob', 'confidence', *ANNOTATIONS)
SCORES = ('prob', 'confidence')
"""Outputs that need the scores of all classes, which pictures cut into bands do not have."""
GEODATA = ('masks', 'color', 'overlay', 'geojson')
"""Outputs that get the coordinates of the picture; ``geojson`` needs them."""
SAVED = (*OUTPUTS, 'geojson')
"""All outputs of ``predict --save``."""
FILMED = ('color', 'overlay')
"""Outputs of a film that are films; the others are one file a frame."""
RECORD = 'predict.json'
"""File in a folder of predictions that says of which model they are."""
CALIBRATION = 'calibration_sha256'
"""Key in :data:`RECORD` of the SHA-256 of the pictures that int8 and bf16 were calibrated by. If
nothing else differs, predictions are made again instead of refused."""
OVERLAY_FORMATS = {'png': '.png', 'jpeg': '.jpg'}
"""The formats of overlays, and the suffixes of their files."""
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
