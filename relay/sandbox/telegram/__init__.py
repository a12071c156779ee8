"""The Telegram look-alike."""
