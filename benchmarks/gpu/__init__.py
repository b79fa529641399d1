"""Checks and rates of one GPU, in pieces: ``python -m benchmarks.gpu --out DIR``.

Each piece answers one question in a process of its own with a time limit; what it found is on the
disk at once, so that a short time on a card is not lost (:mod:`benchmarks.gpu.pieces` lists them).
"""
