"""``python -m aimdlab.bench.guardian``: started by a run, spoken to through its pipes."""

import os

from aimdlab.bench.guardian.process import main

# Not sys.exit: whatever hangs in a driver or a VISA library must not keep this process from ending.
os._exit(main())
