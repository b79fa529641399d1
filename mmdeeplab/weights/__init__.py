"""Convert weights of other projects by tables of rules, which one strict engine applies."""
