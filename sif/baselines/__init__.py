"""Models that the found function is compared with."""
