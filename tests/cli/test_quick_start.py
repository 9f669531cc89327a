"""What a command does not need it does not import: that, and not a time, is what keeps it quick on any machine."""

import json
import subprocess
import sys

import pytest

from command_line import Lab
from patience import LIMIT_S

_ASKED = """
import json, sys
from aimdlab.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported_by(lab: Lab, *arguments: str) -> set[str]:
    """The packages that a command has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _ASKED, *arguments],
        capture_output=True, text=True, cwd=lab.folder, timeout=3 * LIMIT_S, check=True,
    )  # fmt: skip
    return set(json.loads(done.stderr))


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("plan", "--help"), ("levels", "--help")])
def test_help_needs_nothing_that_measures_or_stores(lab: Lab, arguments: tuple[str, ...]) -> None:
    imported = imported_by(lab, *arguments)
    assert {"aimdlab", "typer"} <= imported
    assert not imported & {
        "aimdlab_drivers", "cryptography", "h5py", "hdf5plugin", "matplotlib", "numpy", "pint", "pyvisa", "pyvisa_py",
        "serial", "yaml",
    }  # fmt: skip


@pytest.mark.parametrize("campaign", ["gradient_injected_tier_1", "extrinsic_potential_demo"])
def test_a_plan_needs_no_pictures_no_keys_no_backend_and_of_units_only_the_usual(lab: Lab, campaign: str) -> None:
    imported = imported_by(lab, "plan", f"configs/campaigns/{campaign}.yaml")
    assert {"aimdlab", "aimdlab_drivers", "numpy"} <= imported
    assert not imported & {"cryptography", "matplotlib", "pint", "pyvisa_py", "serial", "aimdlab_simulators"}


def test_a_unit_that_is_rare_is_still_understood_by_a_plan(lab: Lab) -> None:
    lab.change(lab.device, 'length: "100 cm"', 'length: "1 meter"')
    assert "pint" in imported_by(lab, "plan", str(lab.campaign))
