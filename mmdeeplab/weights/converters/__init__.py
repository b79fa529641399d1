"""The tables of rules, one for each project, that map its tensors to ours."""
