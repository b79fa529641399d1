"""What a config may say: every key and every class name must exist."""
