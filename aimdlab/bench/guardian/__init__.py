"""The guardian: a process that makes the bench safe when the run has died or hangs.

The run's side is :mod:`aimdlab.bench.guardian.keeper`; ``python -m aimdlab.bench.guardian`` is the process. What it may
import is kept small, because every run waits for it.
"""
