"""What an InfiniiVision and its driver say to each other while it is set up and records."""

from __future__ import annotations

from aimdlab.bench.roles import ScopeChannel, ScopeSetup

NO_ERROR = ("SYST:ERR?", '+0,"No error"')
IDENTITY = ("*IDN?", "AGILENT TECHNOLOGIES,DSO-X 3024A,MY54201234,02.50.2019022736")
TWO_CHANNELS = ("*IDN?", "KEYSIGHT TECHNOLOGIES,DSO-X 1102G,CN57000000,01.20")
POINTS = 500_000

# 15 s after and 0.1 s before the trigger, two inputs, 25 kSa/s: the exposure capture.
EXPOSURE = ScopeSetup(
    channels=(ScopeChannel(1, 10.0), ScopeChannel(2, 2.5)),
    span_s=15.0,
    pre_trigger_s=0.1,
    sample_rate_hz=25e3,
    trigger_source=1,
    trigger_level_v=2.0,
)
SETTINGS = (
    "STOP;:CHAN3:DISP OFF;:CHAN4:DISP OFF"
    ";:CHAN1:DISP ON;:CHAN1:PROB 1;:CHAN1:COUP DC;:CHAN1:IMP ONEM;:CHAN1:BWL OFF;:CHAN1:INV OFF;:CHAN1:RANG 22;:CHAN1:OFFS 0"
    ";:CHAN2:DISP ON;:CHAN2:PROB 1;:CHAN2:COUP DC;:CHAN2:IMP ONEM;:CHAN2:BWL OFF;:CHAN2:INV OFF;:CHAN2:RANG 5.5;:CHAN2:OFFS 0"
    ";:ACQ:TYPE HRES;:TIM:MODE MAIN;:TIM:REF CENT;:TIM:RANG 15.251;:TIM:POS 7.45"
    ";:TRIG:MODE EDGE;:TRIG:EDGE:SOUR CHAN1;:TRIG:EDGE:SLOP POS;:TRIG:EDGE:LEV 2;:TRIG:SWE NORM"
)
ASKED = "CHAN1:RANG?;:CHAN2:RANG?;:TIM:RANG?;:TIM:POS?;:TRIG:EDGE:LEV?"
CONFIGURE = [(SETTINGS, None), NO_ERROR, (ASKED, "+22.0E+00;+5.50E+00;+15.251E+00;+7.45E+00;+2.0E+00")]
ARM = [("AER?;:TER?", "+0;+0"), ("SING", None), NO_ERROR]
ASKS = "AER?;:OPER:COND?;:TER?"
COMPLETE = [(ASKS, "+1;+0;+1")]
