"""Costs and receptive fields of a network, found by running its modules on the device ``meta``.

On ``meta`` tensors have shapes but no values, so nothing is computed.
"""

from mmdeeplab.models.analysis.costs import conv_calls, multiply_adds, parameters
from mmdeeplab.models.analysis.geometry import degenerate_rates, input_channels, stages
from mmdeeplab.models.analysis.memory import inference_memory, training_memory
from mmdeeplab.models.analysis.report import analyse, render

__all__ = [
    'analyse',
    'conv_calls',
    'degenerate_rates',
    'inference_memory',
    'input_channels',
    'multiply_adds',
    'parameters',
    'render',
    'stages',
    'training_memory',
]
