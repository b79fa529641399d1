"""Networks that teach another one: a mean teacher for images without masks, and distillation."""
