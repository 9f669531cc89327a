"""Ten thousand single bytes of a sealed session changed, one at a time: ``make soak``."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from changed_bytes import Tally, change_bytes, owners_of_sealed, random_changes
from command_line import Lab

pytestmark = [pytest.mark.soak, pytest.mark.timeout(4 * 3600)]

CHANGES = 10_000
PROCESSES = 2


def test_ten_thousand_changed_bytes_are_noticed_in_their_records(lab: Lab, tmp_path: Path) -> None:
    lab.fewer_steps()
    status, _ = lab.run()
    assert status == 0
    session = lab.session.with_name(lab.session.name + ".h5")

    def run(number: int) -> Tally:
        copy = Path(shutil.copy(session, tmp_path / f"copy{number}.h5"))
        owners = {copy: owners_of_sealed(copy)}
        return change_bytes(copy, owners, random_changes(owners, CHANGES // PROCESSES, seed=number))

    with ThreadPoolExecutor(PROCESSES) as pool:
        tallies = list(pool.map(run, range(PROCESSES)))
    for tally in tallies:
        print(tally)  # noqa: T201 - the figures are the point
    assert not [wrong for tally in tallies for wrong in tally.wrong]
