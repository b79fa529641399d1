"""Prepare Cityscapes, ADE20K, COCO-Stuff and PASCAL Context from their archives for the configs."""
