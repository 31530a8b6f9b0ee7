"""Options from the command line and from configuration files, and the help."""
