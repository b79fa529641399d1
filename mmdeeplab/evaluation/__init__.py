"""Exact evaluation: integer confusion matrices and what follows from them."""
