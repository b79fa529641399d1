"""What remains of a run: a page, tables, curves, and two runs side by side."""
