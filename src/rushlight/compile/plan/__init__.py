"""Plan: cut a graph into kernels, see through views, and give every buffer its place in one arena."""
