"""The sequencer: plans a campaign, carries its steps out in a fixed order, retries INVALID, stops when asked to."""
