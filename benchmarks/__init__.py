"""Rushlight timed beside its peers: ``python -m benchmarks`` (see ``README.md`` in this folder)."""
