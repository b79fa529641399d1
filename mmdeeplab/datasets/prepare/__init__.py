"""Cityscapes, ADE20K, COCO-Stuff, PASCAL Context: from their archives to what the configs read."""
