"""The fast network on a CPU: converted for OpenVINO, compared with the plain one, kept on disk."""

from mmdeeplab.inference.accelerate.engine_check import CalibrationPicture
from mmdeeplab.inference.accelerate.parity import Tolerance
from mmdeeplab.inference.accelerate.segmentor import FAST, FastSegmentor, accelerate, engines_used

__all__ = [
    'FAST',
    'CalibrationPicture',
    'FastSegmentor',
    'Tolerance',
    'accelerate',
    'engines_used',
]
