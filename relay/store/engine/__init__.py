"""Group commit, the SQL dialects, the schema: what the verbs stand on."""
