"""The heart: tensors, the op record, the one door, the graph and its derivative."""
