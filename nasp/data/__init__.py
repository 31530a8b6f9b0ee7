"""Data sets found by name or path: cards, look-up and downloads."""
