"""Reports of evaluations and trainings: a page, tables, curves, the comparison of two runs."""
