"""Recurrent cells for language models: the search space, the stand-alone cell, and their data."""
