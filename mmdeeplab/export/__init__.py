"""A trained network as a file for another program, judged by that program before it is kept."""
