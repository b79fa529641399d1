"""Batch normalisation: fused, frozen, synchronised, replaced by group norm, or unfolded."""
