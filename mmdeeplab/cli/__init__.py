"""Command line entry points; the scripts in ``tools/`` call them."""
