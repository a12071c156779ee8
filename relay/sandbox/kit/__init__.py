"""The Kit look-alike."""
