"""Export a trained network to a file for other programs, which is kept only if it is verified."""
