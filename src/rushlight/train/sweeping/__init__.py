"""Many networks in one call."""
