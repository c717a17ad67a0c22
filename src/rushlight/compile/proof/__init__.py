"""Proof: hold a new program against the interpreter, and name the kernel at fault."""
