"""The pictures of ``docs/family.md``, drawn by code."""
