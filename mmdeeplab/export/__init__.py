"""A trained network as a file for another program, which runs and confirms it before it is kept."""
