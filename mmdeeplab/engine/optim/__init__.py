"""The optimiser's side of a step: precision, memory, groups of parameters, NaN in gradients."""
