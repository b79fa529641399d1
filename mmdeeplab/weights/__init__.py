"""Weights of other projects, brought in by tables of rules that one strict engine applies."""
