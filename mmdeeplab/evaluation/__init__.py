"""Exact evaluation: integer confusion matrices, and the scores that follow from them."""
