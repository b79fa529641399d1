"""Draw labels: the palette of PASCAL VOC, masks in colour, images side by side."""
