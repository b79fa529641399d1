"""Published networks on PASCAL VOC's photographs: one JSON file a way of running them, one page."""
