"""Attacks: what strangers, customers, agents and files can send to a relay, and what of it gets through."""
