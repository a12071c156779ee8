"""`relay demo`: the real relay on SQLite between a Telegram and a Kit look-alike, on a page and in the terminal."""
