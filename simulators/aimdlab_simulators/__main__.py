"""``python -m aimdlab_simulators``."""

import sys

from aimdlab_simulators.process import main

sys.exit(main())
