"""What a network costs and sees, found by executing the real modules without computing."""

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
