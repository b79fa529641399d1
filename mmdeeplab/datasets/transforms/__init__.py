"""Loading, scaling, cropping, colours, packing: the steps of a training pipeline."""
