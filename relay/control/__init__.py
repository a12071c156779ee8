"""What a person asks of a relay, running or not: over a Unix socket, or of the store when nobody else holds it."""
