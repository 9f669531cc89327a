from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from link_peers import Handler, Peer


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def make(*handlers: Handler) -> Peer:
        peers.append(Peer(*handlers))
        return peers[-1]

    yield make
    for each in peers:
        each.stop()
