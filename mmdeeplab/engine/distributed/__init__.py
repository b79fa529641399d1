"""Several processes: how they meet, wait for each other, answer signals and die."""
