"""The doors of the simulated instruments: raw SCPI socket and HiSLIP, for any VISA client."""

from aimdlab_simulators.servers.hislip import HislipServer
from aimdlab_simulators.servers.listener import Listener
from aimdlab_simulators.servers.raw_socket import RawSocketServer

__all__ = ["HislipServer", "Listener", "RawSocketServer"]
