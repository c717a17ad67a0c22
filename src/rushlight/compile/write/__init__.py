"""Write: LLVM text for kernels, for the step that calls them, and for scans over many steps."""
