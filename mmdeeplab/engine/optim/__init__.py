"""Steps of the optimiser: precision, memory, groups of parameters, gradients that are not finite."""
