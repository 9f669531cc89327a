"""Test waveforms: samples from parameters, no input or output."""
