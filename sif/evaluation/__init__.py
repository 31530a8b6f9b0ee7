"""Metrics of the tasks: rating, ranking and click."""
