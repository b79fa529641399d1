"""Hooks of a run: they save checkpoints, check, measure, and end a run on signals."""
