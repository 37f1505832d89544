"""What the emulated cabinet may be told about its own pace. Nothing here scales time: seconds are seconds."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Options:
    """Durations of what a cabinet configuration does not describe, because it belongs to devices and cars."""

    step_s: float = 0.01  # physics, and the scan of the PLC boards
    board_boot_s: float = 0.3
    module_startup_s: float = 0.3  # after power-up a module answers with error code 7 (real ones: seconds)
    walk_in_s: float = 5.0  # InfyPower V1.13 A.3: soft start of about 5 s
    matching_s: float = 0.3  # SLAC; real cars take 1-10 s
    handshake_s: float = 0.5  # session set-up up to authorization; real cars take 1-5 s
    parameters_s: float = 0.2  # charge parameter discovery
    ramp_s: float = 5.0  # a car's own ramp; real cars take 5-30 s
    meter_start_wh: int = 12_345  # the first meter's register; each further one starts 1000 Wh higher
    wire_time: bool = True  # Modbus RTU bytes take as long as they do on a line of that baud rate
