"""File formats of other frameworks, read without them: nothing in a file is executed."""
