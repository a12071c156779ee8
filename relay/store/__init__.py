"""What the relay remembers: tables, and verbs that own their transactions."""
