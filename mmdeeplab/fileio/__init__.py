"""Write files as a whole or not at all; download, unpack and open files safely."""
