"""Embeddings, operations on them, and the search space of interaction functions."""
