"""What is told of what could not be delivered or read."""
