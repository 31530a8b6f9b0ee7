"""Tests of the ratings' way in."""
