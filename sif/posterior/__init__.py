"""Samples from the posterior of a trained function, whose predictions are averaged."""
