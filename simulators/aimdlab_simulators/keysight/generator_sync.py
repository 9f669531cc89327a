"""The Sync connector of the simulated 33500B.

After the family's guides: with bursts the signal is high from the first sample to the end of the number of cycles,
whatever plays within; else it is a square wave of the waveform's period, high at first. What it does with the output
off was not found: it follows the waveform all the same. Direct voltage and noise have none. MARKer is not modelled: the
connector stays low.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from aimdlab_simulators.keysight.generator_channel import GeneratorChannel
from aimdlab_simulators.world.generator_output import GeneratorOutput
from aimdlab_simulators.world.past import Past
from aimdlab_simulators.world.waveforms import Bursts, Constant, Waveform

HIGH_V = 3.3  # TTL, into the high impedance of a trigger input


class SyncConnector:
    """Follows one channel; every edge is a step of a Signal of held levels, so it is found exactly.

    Attributes:
        output: the Signal, 0 V and HIGH_V.
        enabled: OUTPut:SYNC.
        source: number of the channel it follows.
    """

    def __init__(self, past: Past, channels: Mapping[int, GeneratorChannel]) -> None:
        self.output = GeneratorOutput(past)
        self.enabled = True
        self.source = 1
        self._channels = channels
        for channel in channels.values():
            channel.after_refresh(self.refresh)

    def refresh(self, now_s: float) -> None:
        """Follow the channel from ``now_s`` on."""
        channel = self._channels[self.source]
        self.output.play(now_s, *(_programs(channel, now_s) if self.enabled else [(now_s, Constant(), now_s)]))


def _programs(channel: GeneratorChannel, now_s: float) -> list[tuple[float, Waveform, float]]:
    settings = channel.settings
    high_v, low_v = (0.0, HIGH_V) if settings.sync_polarity == "INV" else (HIGH_V, 0.0)
    low, cycle_s = Constant(low_v), channel.cycle_s()
    resting: list[tuple[float, Waveform, float]] = [(now_s, low, now_s)]
    if settings.function in ("DC", "NOIS") or settings.sync_mode == "MARK":
        return resting
    square: Waveform = Constant(high_v)
    if math.isfinite(cycle_s):
        square = Bursts(Constant(high_v), cycle_s / 2.0, cycle_s, low_v)
    length_s = channel.burst_length_s()
    within = square if settings.sync_mode == "CARR" or math.isinf(length_s) else Constant(high_v)
    if not settings.burst or (settings.burst_mode == "GAT" and settings.gate_polarity == "INV"):
        return [(now_s, square, channel.anchor_s)]
    if settings.burst_mode == "GAT":
        return resting
    if settings.trigger_source in ("IMM", "TIM"):
        period_s = settings.burst_period if settings.trigger_source == "IMM" else settings.trigger_timer
        train = within if math.isinf(length_s) else Bursts(within, length_s, period_s, low_v)
        return [(now_s, train, channel.anchor_s)]
    if channel.burst_s is None or now_s >= channel.burst_s[1]:
        return resting
    start_s, end_s = channel.burst_s
    programs = resting if now_s < start_s else []
    programs.append((max(start_s, now_s), within, start_s))
    if math.isfinite(end_s):
        programs.append((end_s, low, end_s))
    return programs
