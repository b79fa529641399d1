"""Networks: backbone -> neck -> decode head. The parts register by themselves when asked for."""
