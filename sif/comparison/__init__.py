"""Comparison of methods on the same data, as in the tables of the SIF paper."""
