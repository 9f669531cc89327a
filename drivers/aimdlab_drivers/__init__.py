"""The instrument drivers that come with aimdlab: a folder per maker, a module per instrument family."""
