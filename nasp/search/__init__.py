"""Searches: one-shot on shared weights, and by trials."""
