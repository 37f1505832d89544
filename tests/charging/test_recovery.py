"""What a crash left open is closed by what the meter says, inside what physics allows."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from jp_firmware.charging.recovery import after_restart
from jp_firmware.config.schema import Connector
from jp_firmware.model.ids import ConnectorId, SessionId
from jp_firmware.model.power import MeterReading
from jp_firmware.model.session import IdToken, Session, StopReason, TokenSource

CONNECTOR = Connector(id=ConnectorId(1), max_voltage_v=1000, max_current_a=200)  # explains 667 Wh at most
LEFT_OPEN = Session(
    id=SessionId("0191"),
    connector_id=ConnectorId(1),
    token=IdToken("04", TokenSource.RFID),
    started_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    meter_start_wh=5000,
    meter_last_wh=7000,
    last_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    boot_id="this boot",
)


def reads(import_wh: int) -> MeterReading:
    return MeterReading(voltage_v=0, current_a=0, power_w=0, import_wh=import_wh)


@pytest.mark.parametrize(
    ("reading", "stop_wh"),
    [
        pytest.param(reads(7000), 7000, id="nothing flowed after the last commit"),
        pytest.param(reads(7120), 7120, id="the modules ran on for some seconds: not lost"),
        pytest.param(reads(9000), 7000, id="further than the session explains: not invented"),
        pytest.param(reads(6500), 7000, id="a register that went backwards is not believed"),
        pytest.param(None, 7000, id="a silent meter leaves the last commit"),
    ],
)
def test_the_stop_register(reading: MeterReading | None, stop_wh: int) -> None:
    recovered = after_restart(LEFT_OPEN, reading, CONNECTOR, "this boot")

    assert recovered.meter_stop_wh == stop_wh
    assert recovered.stopped_at == LEFT_OPEN.last_at
    assert recovered.stop_detail


def test_a_crash_before_the_first_checkpoint_ends_where_it_began() -> None:
    fresh = attrs.evolve(LEFT_OPEN, meter_last_wh=None, last_at=None)
    recovered = after_restart(fresh, None, CONNECTOR, "this boot")

    assert recovered.meter_stop_wh == 5000
    assert recovered.stopped_at == fresh.started_at


@pytest.mark.parametrize(("boot_id", "reason"), [("this boot", StopReason.REBOOT), ("another", StopReason.POWER_LOSS)])
def test_another_boot_of_the_machine_means_lost_power(boot_id: str, reason: StopReason) -> None:
    assert after_restart(LEFT_OPEN, None, CONNECTOR, boot_id).stop_reason is reason
