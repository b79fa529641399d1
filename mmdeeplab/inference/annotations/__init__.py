"""Predictions as annotation tools read them, to be corrected there."""
