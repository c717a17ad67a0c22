"""Explain: what each kernel does, how long it takes, and how near it comes to the machine."""
