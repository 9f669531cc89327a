"""Instruments of any maker that the PC does not talk to."""
