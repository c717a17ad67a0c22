"""Distances between the rows of a matrix."""

from rushlight.ops.distances import pdist as pdist

__all__ = ["pdist"]
