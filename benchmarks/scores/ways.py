"""What is scored: networks, and the ways in which each is run."""

from dataclasses import dataclass

NETWORKS = {
    'coral_mobilenetv2_voc': 'DeepLabv3, MobileNetV2, depth multiplier 1.0',
    'coral_mobilenetv2_dm05_voc': 'DeepLabv3, MobileNetV2, depth multiplier 0.5',
}
"""Name in the model zoo -> title."""


@dataclass(frozen=True)
class Way:
    """One way of running a network over the validation images.

    Attributes:
        name: What ``--only`` takes.
        title: What the table shows.
        by: ``test`` (``tools/test.py``), ``export`` (``tools/export.py``, and the file's own
            runtime), or ``litert`` (the published file, by its own interpreter).
        options: Of that command.
    """

    name: str
    title: str
    by: str
    options: tuple[str, ...] = ()


REFERENCE = 'stride16'
CRF = ('--crf', '--cfg-options', 'crf.published=v2-r101')
# The images of VOC's own training list, which a part of VOC has as well.
CALIBRATION = (
    *('--cfg-options', 'train_dataloader.dataset.split=train'),
    'train_dataloader.dataset.mask_dir=SegmentationClass',
)
WAYS = (
    Way(REFERENCE, 'stride 16', 'test'),
    Way('stride8', 'stride 8', 'test', ('--output-stride', '8')),
    Way('stride16-tta', 'stride 16, six scales and mirrors', 'test', ('--tta',)),
    Way(
        'stride8-tta', 'stride 8, six scales and mirrors', 'test', ('--output-stride', '8', '--tta')
    ),
    Way('stride16-crf', "stride 16, v2's dense CRF", 'test', CRF),
    Way('fast', '`--fast`', 'test', ('--fast',)),
    Way('fast-bf16', '`--fast bf16`', 'test', ('--fast', 'bf16', *CALIBRATION)),
    Way('fast-int8', '`--fast int8`', 'test', ('--fast', 'int8', *CALIBRATION)),
    Way('onnx', 'ONNX', 'export', ('--format', 'onnx')),
    Way('onnx-half', 'ONNX, half', 'export', ('--format', 'onnx', '--half')),
    Way('onnx-int8', 'ONNX, int8', 'export', ('--format', 'onnx', '--int8', *CALIBRATION)),
    Way('openvino', 'OpenVINO', 'export', ('--format', 'openvino')),
    Way('openvino-half', 'OpenVINO, half', 'export', ('--format', 'openvino', '--half')),
    Way(
        'openvino-int8',
        'OpenVINO, int8',
        'export',
        ('--format', 'openvino', '--int8', *CALIBRATION),
    ),
    Way('pt2', 'pt2', 'export', ('--format', 'pt2')),
    Way('torchscript', 'TorchScript', 'export', ('--format', 'torchscript')),
    Way('litert', 'the published uint8 file, by LiteRT', 'litert'),
)
"""In the order of the table."""
