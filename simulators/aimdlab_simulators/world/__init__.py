"""The simulated world: a graph of nodes from which an oscilloscope pulls the voltage of its node over a time window."""

from aimdlab_simulators.world.build import load_world
from aimdlab_simulators.world.world import World

__all__ = ["World", "load_world"]
