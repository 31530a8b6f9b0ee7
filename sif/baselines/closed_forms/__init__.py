"""Rankers that are computed, not trained by steps; a file each."""
