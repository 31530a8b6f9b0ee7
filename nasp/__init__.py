"""Neural architecture search by proximal iterations: core, strategies and search spaces."""
