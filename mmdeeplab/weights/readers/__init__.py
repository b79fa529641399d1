"""Read file formats of other frameworks without these frameworks, and without executing code."""
