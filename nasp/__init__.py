"""Neural architecture search by proximal iterations: the core, its strategies and its spaces."""
