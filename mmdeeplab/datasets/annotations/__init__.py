"""What annotation tools write, as masks of class ids."""
