"""Using a trained model: several scales, windows over large images, the CRF."""
