"""Customers' media in forms that every browser shows: made once, on first opening, and kept for a while."""
