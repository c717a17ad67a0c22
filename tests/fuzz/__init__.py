"""Fuzzing: random programs, compiled and eager, must agree."""
