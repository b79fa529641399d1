"""The published experiments on a small scale: variants trained from several seeds, one table."""
