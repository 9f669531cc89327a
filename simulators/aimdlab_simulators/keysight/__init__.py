"""Simulated Keysight instruments, true to their public manuals as far as each module's docstring says."""
