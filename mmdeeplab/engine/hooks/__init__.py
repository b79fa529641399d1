"""Hooks of a run: saving, checking, measuring, leaving in good order."""
