"""``aimdlab levels`` in a process of its own: the worked examples of the standard, and options that do not go together."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from command_line import COMMAND
from patience import LIMIT_S

INJECTED_KEYS = ["edition", "clause", "tier", "volume", "lead_length_factor", "tbpw_ms", "b_g_mt", "levels_v"]


def levels(options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "levels", *options.split()],
        capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL, encoding="utf-8",
    )  # fmt: skip


def answer(options: str) -> dict[str, Any]:
    done = levels(options + " --json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["edition"] == "ISO/TS 10974:2012"
    return result


def test_tier_1_is_table_17() -> None:
    result = answer("gradient-injected --tier 1 --volume implant --lead-cm 100")
    assert list(result) == INJECTED_KEYS
    assert (result["clause"], result["tier"], result["volume"]) == ("20.2.1", 1, "implant")
    assert result["lead_length_factor"] == 0.150
    assert result["tbpw_ms"] == [0.2, 0.4, 1.0, 2.0]
    assert result["b_g_mt"] == [1, 2, 5, 10, 20, 30, 40]
    assert result["levels_v"][0] == pytest.approx([0.750, 1.500, 3.750, 7.500, 15.000, 22.500, 30.000])
    assert result["levels_v"][3] == pytest.approx([0.075, 0.150, 0.375, 0.750, 1.500, 2.250, 3.000])


def test_tier_2_by_field_is_table_21() -> None:
    result = answer("gradient-injected --tier 2 --tier2-bg-mt 25 --volume implant --lead-cm 100")
    assert (result["clause"], result["tier"], result["lead_length_factor"]) == ("20.2.2", 2, 0.150)
    assert result["b_g_mt"] == [1, 2, 5, 10, 20, 25]
    assert result["levels_v"][0] == pytest.approx([0.750, 1.500, 3.750, 7.500, 15.000, 18.750])
    assert [row[-1] for row in result["levels_v"]] == pytest.approx([18.750, 9.375, 3.750, 1.875])


def test_tier_2_by_area_is_table_22() -> None:
    result = answer("gradient-injected --tier 2 --loop-area-m2 0.0319 --volume implant")
    assert (result["clause"], result["tier"], result["lead_length_factor"]) == ("20.2.2", 2, None)
    assert result["levels_v"][0] == pytest.approx([0.160, 0.319, 0.798, 1.595, 3.190, 4.785, 6.380], abs=5.1e-4)
    assert result["levels_v"][3] == pytest.approx([0.016, 0.032, 0.080, 0.160, 0.319, 0.479, 0.638], abs=5.1e-4)


def test_tier_3_outside_is_table_25() -> None:
    result = answer("gradient-injected --tier 3 --ivamp-max-v 12 --volume outside")
    assert list(result) == INJECTED_KEYS
    assert (result["clause"], result["volume"], result["lead_length_factor"]) == ("20.2.3", "outside", None)
    assert result["b_g_mt"] == [1, 2, 5, 10, 20, 30, 40, 50]
    assert result["levels_v"][0] == pytest.approx([0.24, 0.48, 1.2, 2.4, 4.8, 7.2, 9.6, 12.0])
    assert result["levels_v"][0][-1] == 12.0


def test_radiated() -> None:
    tier_1 = answer("gradient-radiated --tier 1 --volume implant")
    assert (tier_1["clause"], tier_1["tier"], tier_1["volume"]) == ("20.3.2", 1, "implant")
    assert tier_1["b_g_mt"] == [1, 2, 5, 10, 20, 30, 40]
    tier_2 = answer("gradient-radiated --tier 2 --tier2-bg-mt 25")
    assert (tier_2["clause"], tier_2["tier"], tier_2["volume"]) == ("20.3.3", 2, None)
    assert tier_2["b_g_mt"] == [1, 2, 5, 10, 20, 25]
    assert [row[-1] for row in tier_2["dbdt_t_per_s"]] == pytest.approx([125, 62.5, 25, 12.5])


def test_a_table_for_people() -> None:
    text = levels("gradient-injected --tier 2 --loop-area-m2 0.0319 --volume implant").stdout
    assert "ISO/TS 10974:2012, 20.2.2" in text
    assert "zero to pulse" in text
    cells = [line.split() for line in text.splitlines()]
    assert next(line for line in cells if line[:1] == ["ms"])[1:] == ["mT"] * 7
    assert ["0.4", "0.07975", "0.1595", "0.39875", "0.7975", "1.595", "2.3925", "3.19"] in cells
    text = levels("gradient-radiated --tier 1 --volume compliance").stdout
    assert ["0.2", "5", "10", "25", "50", "100", "150"] in [line.split() for line in text.splitlines()]
    assert "peak to peak" in text


@pytest.mark.parametrize(("options", "words"), [
    ("gradient-injected --tier 1 --volume implant", ["Tier 1", "needs --lead-cm"]),
    ("gradient-injected --tier 1 --volume implant --lead-cm 100 --tier2-bg-mt 25", ["Tier 1", "no use for --tier2-bg-mt"]),
    ("gradient-injected --tier 1 --volume outside --lead-cm 100", ["outside the implant volume", "Tier 3"]),
    ("gradient-injected --tier 1 --volume implant --lead-cm 0", ["lead length 0 cm"]),
    ("gradient-injected --tier 1 --volume implant --lead-cm 250", ["lead length 250 cm", "200 cm"]),
    ("gradient-injected --tier 2 --volume implant --lead-cm 100", ["--tier2-bg-mt", "--loop-area-m2"]),
    ("gradient-injected --tier 2 --volume implant --tier2-bg-mt 25", ["case 1", "needs --lead-cm"]),
    ("gradient-injected --tier 2 --volume implant --ivamp-max-v 12", ["Tier 2", "no use for --ivamp-max-v"]),
    ("gradient-injected --tier 2 --volume implant --loop-area-m2 0.03 --lead-cm 100 --tier2-bg-mt 25",
     ["case 2", "no use for --lead-cm, --tier2-bg-mt"]),
    ("gradient-injected --tier 2 --volume compliance --lead-cm 100 --tier2-bg-mt 40", ["TIER2BG = 40 mT", "30 mT"]),
    ("gradient-injected --tier 2 --volume implant --lead-cm 100 --tier2-bg-mt nan", ["TIER2BG"]),
    ("gradient-injected --tier 2 --volume outside --loop-area-m2 0.03", ["outside the implant volume", "Tier 3"]),
    ("gradient-injected --tier 3 --volume outside", ["Tier 3", "needs --ivamp-max-v"]),
    ("gradient-injected --tier 3 --volume implant --ivamp-max-v 12 --lead-cm 100", ["Tier 3", "no use for --lead-cm"]),
    ("gradient-radiated --tier 1", ["Tier 1", "needs --volume"]),
    ("gradient-radiated --tier 1 --volume implant --tier2-bg-mt 25", ["Tier 1", "no use for --tier2-bg-mt"]),
    ("gradient-radiated --tier 1 --volume outside", ["outside the implant volume", "Tier 2"]),
    ("gradient-radiated --tier 2", ["Tier 2", "needs --tier2-bg-mt"]),
])  # fmt: skip
def test_options_that_do_not_go_together(options: str, words: list[str]) -> None:
    done = levels(options + " --json")
    assert done.returncode == 2, done.stderr
    told = json.loads(done.stdout)["error"]
    assert told["kind"] == "ConfigurationError"
    for word in words:
        assert word in told["message"], told["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("options", "word"), [
    ("gradient-injected --tier 4 --volume implant --lead-cm 100", "--tier"),
    ("gradient-injected --tier 1 --lead-cm 100", "--volume"),
    ("gradient-injected --tier 1 --volume bore --lead-cm 100", "--volume"),
    ("gradient-radiated --tier 3 --tier2-bg-mt 25", "--tier"),
    ("gradient-heating --tier 1", "gradient-heating"),
])  # fmt: skip
def test_wrong_usage(options: str, word: str) -> None:
    done = levels(options)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("kind", ["", "gradient-injected", "gradient-radiated"])
def test_help_has_an_example(kind: str) -> None:
    text = levels(f"{kind} --help").stdout
    assert f"Example: aimdlab levels {kind or 'gradient-'}" in text
    assert "--json" in text
