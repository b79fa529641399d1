"""Data sets in PASCAL VOC's layout. The parts register by themselves when asked for."""
