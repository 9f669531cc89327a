"""One campaign twice: undisturbed, and with every kind of fault at random (configs/scenarios/every_fault_at_random.yaml)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aimdlab.session.reader import open_session
from command_line import ROOT, Lab

RANDOM = ROOT / "configs/scenarios/every_fault_at_random.yaml"
REACHED = {"PASS", "FAIL", "INCONCLUSIVE"}
# So many faults that the campaign's usual patience would end it, which is not what is looked at here.
POLICY = """faults:
  link: {retries: 8}
  restarted: {retries: 8}
  refusal: {retries: 8}
  trip: {retries: 8}
  amplifier_resets: 100
  give_up_after: 20
  reconnect_for: "60 s"
tests:
"""


def prepare(lab: Lab, cycles: str, dwells: str, offs: str) -> None:
    """The campaign with the switched amplifier, on a device whose pulses change after more than 3 V at its port."""
    lab.campaign = lab.folder / "configs/campaigns/gradient_injected_switched_amplifier.yaml"
    lab.bench = lab.folder / "configs/benches/annex_d_switched_amplifier.yaml"
    lab.world = lab.folder / "configs/worlds/annex_d_switched_amplifier.yaml"
    lab.change(lab.campaign, "tests:\n", POLICY)
    lab.change(lab.test, "cycles: [2]", f"cycles: {cycles}")
    lab.change(lab.test, 't_dwell: ["0.5 ms", "5 ms"]', f"t_dwell: {dwells}")
    lab.change(lab.test, 't_off: ["20 ms"]', f"t_off: {offs}")
    altered = '    altered_pulses: {level: "3 V", hold: "3 s", amplitude_factor: 0.75}\n'
    lab.change(lab.world, '    interval_jitter: "0.05 %"\n', f'    interval_jitter: "0.05 %"\n{altered}')
    lab.change(lab.device, 'recovery: "0 s"', 'recovery: "5 s"')
    for driver in ("keysight_33500b", "keysight_infiniivision", "keysight_34907a_amplifier"):
        lab.change(lab.bench, f"    driver: {driver}", f'    timeout: "1 s"\n    driver: {driver}')


@dataclass(frozen=True)
class Compared:
    """Two runs of one campaign.

    Attributes:
        undisturbed, disturbed: verdict by step.
        faults: how often each kind struck.
        attempts: of the disturbed run.
        status: exit status of the disturbed run.
        wall_s: of the disturbed run.
    """

    undisturbed: dict[str, str]
    disturbed: dict[str, str]
    faults: Counter[str]
    attempts: int
    status: int
    wall_s: float

    def wrong(self) -> list[str]:
        """Steps whose verdict is another one than undisturbed, if one was reached, or a PASS that should be none."""
        return [
            f"{step}: {verdict} instead of {self.undisturbed[step]}"
            for step, verdict in self.disturbed.items()
            if verdict in REACHED and verdict != self.undisturbed[step]
        ]

    def describe(self) -> str:
        """One line."""
        verdicts = ", ".join(
            f"{count} {verdict}" for verdict, count in sorted(Counter(self.disturbed.values()).items())
        )
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        return (
            f"campaign of {len(self.disturbed)} steps with faults at random: {sum(self.faults.values())} faults of "
            f"{len(self.faults)} kinds in {self.attempts} attempts ({kinds}); {verdicts}; {len(self.wrong())} verdicts other "
            f"than undisturbed; {self.wall_s:.0f} s"
        )


def compare(lab: Lab, scenario: Path, timeout_s: float) -> Compared:
    """Run both, sealed; asserts that both came to their end."""
    status, undisturbed = lab.run()
    assert status in {0, 1}
    session = lab.folder / "disturbed"
    done = lab.cli("run", lab.campaign, "--session", session, "--scenario", scenario, "--json", timeout_s=timeout_s)
    assert done.stdout, done.stderr
    disturbed = json.loads(done.stdout)
    with open_session(session) as found:
        assert session.with_suffix(".h5").exists(), done.stderr
        found.verify()
        events = list(found.events())
        attempts = sum(1 for _ in found.records())
    faults = Counter(str(event.data.get("fault", "")) for event in events if event.kind == "simulation.fault")
    return Compared(
        _verdicts(undisturbed), _verdicts(disturbed), faults, attempts, done.returncode, disturbed.get("wall_s") or 0.0
    )


def kinds_in(scenario: Path) -> set[str]:
    """The kinds of fault that a scenario file draws from."""
    drawn = yaml.safe_load(scenario.read_text(encoding="utf-8"))["random"]["faults"]
    return {entry["fault"] for entry in drawn}


def _verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {step["step_id"]: step["verdict"] for step in result["steps"]}
