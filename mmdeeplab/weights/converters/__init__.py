"""Which tensor of another project is which of ours: a table of rules a project."""
