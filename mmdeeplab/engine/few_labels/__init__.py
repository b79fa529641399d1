"""Training with few labels: teachers that label images, or show a smaller network the way."""
