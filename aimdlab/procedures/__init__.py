"""Procedures: one module per kind of test, found by entry point; the sequencer knows only the protocol."""
