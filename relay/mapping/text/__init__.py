"""Texts: entities, languages, names."""
