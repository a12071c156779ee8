"""The operator's page on the internal port."""
