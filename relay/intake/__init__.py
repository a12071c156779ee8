"""What comes in: read, accepted, and what is looked up beside it."""
