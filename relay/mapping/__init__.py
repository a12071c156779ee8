"""Pure translation between Telegram's and Kit's words: no clock, no dice, no I/O."""
