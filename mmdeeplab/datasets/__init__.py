"""Data sets, their transforms and the miniature VOC generator."""
