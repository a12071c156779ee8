"""How the relay does, for those who look after it."""
