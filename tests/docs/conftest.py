"""README and the documentation."""
