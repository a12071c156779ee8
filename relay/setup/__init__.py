"""`relay setup`: from a bot token and a Kit account to a relay that runs, question by question."""
