"""From updates to Kit's events."""
