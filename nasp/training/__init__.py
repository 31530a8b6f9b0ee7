"""Training: the epoch loop, its steps, and where it computes."""
