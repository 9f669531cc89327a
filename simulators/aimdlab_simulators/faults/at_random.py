"""Faults at random: for every attempt the same draw, whatever came before."""

from __future__ import annotations

import hashlib

from aimdlab_simulators.faults.fault import Fault
from aimdlab_simulators.faults.scenario import Places, RandomFaults

_WORDS = 5
_WORD_BYTES = 6  # 48 bits make an exact float


class Draw:
    """What ``random`` of a scenario file gives for each attempt in a world.

    A kind of which nothing in this world can be befallen is not drawn.
    """

    def __init__(self, random: RandomFaults, places: Places) -> None:
        self._random = random
        self._instruments = list(random.instruments or places.instruments)
        found = [(one, _nodes(one, places)) for one in random.faults]
        self._drawn = [(one, nodes) for one, nodes in found if nodes or not one.NEEDS_NODE]

    def for_attempt(self, step: int, attempt: int) -> Fault | None:
        """The fault of one attempt, None if it has none."""
        name = f"{self._random.seed}/{step}/{attempt}".encode()
        digest = hashlib.sha256(name).digest()
        whether, which, who, where, when = (
            int.from_bytes(digest[k * _WORD_BYTES : (k + 1) * _WORD_BYTES], "big") / 2 ** (8 * _WORD_BYTES)
            for k in range(_WORDS)
        )
        if whether >= self._random.probability or not self._drawn:
            return None
        one, nodes = self._drawn[int(which * len(self._drawn))]
        instrument = one.instrument or self._instruments[int(who * len(self._instruments))]
        node = nodes[int(where * len(nodes))] if nodes else None
        message = 1 + int(when * self._random.messages)
        return one.model_copy(update={"instrument": instrument, "node": node, "message": message})


def _nodes(one: Fault, places: Places) -> list[str]:
    if not one.NEEDS_NODE:
        return []
    return [one.node] if one.node is not None else places.drawn_for(one.fault)
