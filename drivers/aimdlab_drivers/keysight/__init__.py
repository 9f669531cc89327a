"""Instruments of Keysight, formerly Agilent."""
