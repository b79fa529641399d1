"""How a folder of images and masks of any layout is found out: pairs, splits, ids, classes."""
