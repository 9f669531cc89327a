"""The bench: roles of instruments, VISA links, clock, ceilings, safe state, operator."""
