"""The HTTP routes that the relay serves."""
