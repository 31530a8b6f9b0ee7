"""The mathematics of every search: decisions, relaxations, projections, genotypes."""
