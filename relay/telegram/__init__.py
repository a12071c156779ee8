"""Everything that speaks Telegram's Bot API."""
