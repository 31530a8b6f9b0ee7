"""Data sets by a name or by a path."""
