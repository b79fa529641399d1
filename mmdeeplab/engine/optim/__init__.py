"""The optimiser and its step: precision, memory, parameter groups, NaN in gradients."""
