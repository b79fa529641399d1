"""Find out how a folder of images and masks is laid out: pairs, splits, ids, classes."""
