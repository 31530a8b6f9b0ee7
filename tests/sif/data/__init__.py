"""Tests of rating data."""
