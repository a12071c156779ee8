"""From Kit's events to steps in Telegram."""
