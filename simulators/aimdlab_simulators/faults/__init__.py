"""Faults of links, instruments and of the world, injected as a scenario file says, for training and for tests."""

from aimdlab_simulators.faults.injector import Injector
from aimdlab_simulators.faults.scenario import Places, Scenario, load_scenario

__all__ = ["Injector", "Places", "Scenario", "load_scenario"]
