"""Embeddings, how they meet, and the space of that."""
