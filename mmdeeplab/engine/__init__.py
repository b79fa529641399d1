"""What runs a model. The parts register by themselves when asked for."""
