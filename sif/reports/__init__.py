"""The reports of searches and trainings, one for each task."""
