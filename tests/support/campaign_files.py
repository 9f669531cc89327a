"""The shipped campaign, bench, device and test files in a folder of a test's own, to be changed and planned."""

import shutil
from datetime import date
from pathlib import Path

from aimdlab.config.campaign import load_campaign
from aimdlab.sequencer.plan import Plan, make_plan

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 6, 1)


class Files:
    """The shipped files in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        for name in ("configs", "sequences"):
            shutil.copytree(ROOT / name, folder / name)
        self.folder = folder
        self.campaign = folder / "configs/campaigns/gradient_injected_ten_steps.yaml"
        self.bench = folder / "configs/benches/simulated_gradient_injection.yaml"
        self.device = folder / "configs/devices/pacemaker.yaml"
        self.test = folder / "sequences/gradient/injected_ten_steps.yaml"

    def change(self, path: Path, *changes: tuple[str, str]) -> int:
        """Replace each text, which must stand there once; the line of the last."""
        line = 0
        for old, new in changes:
            text = path.read_text(encoding="utf-8")
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
            path.write_text(text.replace(old, new), encoding="utf-8")
            line = text[: text.index(old)].count("\n") + 1
        return line

    def plan(self, today: date = TODAY) -> Plan:
        return make_plan(load_campaign(self.campaign), today)

    def tier_2(self, *omissions: str) -> None:
        """Make it a campaign of Tier 2 by the loop's area: every sequence of Table 2 but the omissions given."""
        self.change(
            self.test,
            ("demonstration: true ", "demonstration: false "),
            ("tier: 1\n", "tier: 2\n  case: area\n"),
            ('b_g: ["1 mT", "2 mT", "5 mT", "10 mT", "20 mT"]', "b_g: all"),
            ('tbpw: ["0.2 ms"]', "tbpw: all"),
            ("cycles: [2]", "cycles: all"),
            ('t_off: ["20 ms"]', "t_off: all"),
            ('t_dwell: ["0.5 ms", "5 ms"]', "t_dwell: all"),
        )
        self.change(self.device, ('# loop_area: "300 cm^2"', '  loop_area: "300 cm^2"'))
        tests = "  - test: ../../sequences/gradient/injected_ten_steps.yaml\n"
        omit = "    omit:\n" + "".join(f"      - {{{omission}}}\n" for omission in omissions) if omissions else ""
        self.change(
            self.campaign,
            ("tests:\n", "  tier: Quasi-static calculation, validated on a wire loop.\ntests:\n"),
            (tests, tests + omit),
        )
