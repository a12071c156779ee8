"""What both look-alikes need."""
