"""The words all other rooms speak. Frozen values, no I/O, no clock of their own.

Power, energy and time are SI and carry their unit in the name: `power_w`, `energy_wh`, `voltage_v`, `timeout_s`.
A name that ends in `_at_s` is a point of the monotonic clock (`trio.current_time()`), never wall time;
a name that ends in `_at` is wall time, an aware `datetime` in UTC, which is recorded and never decides.
"""
