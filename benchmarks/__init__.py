"""Speed beside named peers, in one run: ``python -m benchmarks run all``.

A case is a module of :mod:`benchmarks.cases` with ``setup(scale)``, which gives comparisons; a
comparison has named variants that do the same work, one of which is the reference.
"""
