"""The check of a data set: every list, image and mask, before hours are spent on them."""
