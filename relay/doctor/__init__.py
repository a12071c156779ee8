"""`relay check`: what is wrong with this installation, one line each, with the remedy in words."""
