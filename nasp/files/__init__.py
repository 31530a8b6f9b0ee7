"""Files that may come from anywhere, read strictly."""
