"""The saved models, one for each task."""
