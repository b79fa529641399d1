"""Read, complete and validate configs: every key and every class name must exist."""
