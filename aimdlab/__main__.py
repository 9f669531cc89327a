"""``python -m aimdlab`` is the command line."""

from aimdlab.cli import main

main()
