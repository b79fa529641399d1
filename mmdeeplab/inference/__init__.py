"""Using a trained model: multi-scale inference."""
