"""Checkpoints: safetensors files with a checksum, which contain no code.

``pytree`` turns nested training state into tensors and JSON, ``safetensors_layout`` is the file
format, ``store`` writes and reads it, ``find`` chooses the checkpoint to resume from, ``load``
reads weights of any origin.
"""
