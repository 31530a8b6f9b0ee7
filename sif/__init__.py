"""Searches the interaction function of collaborative filtering (SIF, arXiv 1906.12091)."""

from sif.estimator import InteractionSearch
from sif.model import InteractionModel

__all__ = ["InteractionModel", "InteractionSearch"]
