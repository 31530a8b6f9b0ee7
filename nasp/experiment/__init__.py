"""One run of a command: its folder and its record."""
