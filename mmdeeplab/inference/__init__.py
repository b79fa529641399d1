"""Use a trained network: the predictor, several scales, windows over large images, the CRF."""
