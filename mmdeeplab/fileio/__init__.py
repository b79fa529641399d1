"""Files: written whole or not at all, fetched and unpacked with care, opened only if regular."""
