"""Python loads this before anything else where it is on its path: whoever asks for the time is told another one."""

import os
import time
from typing import Final

_AHEAD: Final = float(os.environ["CLOCK_AHEAD"])
_seconds, _nanoseconds = time.time, time.time_ns


time.time = lambda: _seconds() + _AHEAD
time.time_ns = lambda: _nanoseconds() + int(_AHEAD * 1e9)
