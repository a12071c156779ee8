"""Kit's events and clients, as the mapping makes them."""
