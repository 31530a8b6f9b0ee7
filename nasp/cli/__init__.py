"""Options: from the command line and from files."""
