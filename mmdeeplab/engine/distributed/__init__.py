"""Several processes: how they connect, wait for each other, answer signals and end."""
