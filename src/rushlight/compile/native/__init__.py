"""Native: machine code from text, kept in a cache on disk, and the calls into it."""
