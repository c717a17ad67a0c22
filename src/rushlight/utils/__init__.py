"""Helpers beside tensors and layers, under PyTorch's names."""
