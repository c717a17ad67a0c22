"""Vectors: numbers in registers, whose operators and functions write instructions."""
