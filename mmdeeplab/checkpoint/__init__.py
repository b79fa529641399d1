"""Files of training: written whole or not at all, with a checksum, and nothing to execute.

A checkpoint is a safetensors file. ``tree`` turns nested training state into tensors and JSON,
``layout`` is the file's bytes, ``disk`` writes them so that a kill at any moment leaves the old or
the new file, ``find`` chooses what to go on from.
"""
