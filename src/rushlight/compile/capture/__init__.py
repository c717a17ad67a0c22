"""Capture: run a function once on placeholders, and remember what the result took for granted."""
