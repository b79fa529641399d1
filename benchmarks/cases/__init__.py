"""One module a case; see :mod:`benchmarks`."""
