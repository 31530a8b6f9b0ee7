"""Decisions, projections, the one-path gradient, and the loops: all that spaces share."""
