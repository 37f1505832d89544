"""What the terminal knows, what it makes of bad words, and the course of values."""

import math

from hypothesis import given
from hypothesis import strategies as st

from jp_firmware.model.faults import Severity
from jp_firmware.tui.incidents import FaultsView, FaultView, read_events
from jp_firmware.tui.snapshot import StatusView
from jp_firmware.tui.store import QUIET_LIMIT_S, Link, Store
from jp_firmware.tui.trend import KEPT_S, Trend, column_seconds, draw
from tests.tui import cabinet

LEVELS = "12345678"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def damaged(snapshot, values):
    """`snapshot` with each of its leaves replaced by whatever `values` draws, or missing."""
    if isinstance(snapshot, dict):
        return st.fixed_dictionaries({}, optional={key: damaged(one, values) for key, one in snapshot.items()})
    return st.just(snapshot) | values


class TestReading:
    def test_the_topics_are_read_with_their_types(self) -> None:
        status = StatusView.read(cabinet.status())

        assert status.charger.identity == "JP-0042"
        assert (status.site.limit_w, status.site.headroom_w) == (150_000.0, 40_000.0)
        assert status.site.utilisation_percent is not None
        assert round(status.site.utilisation_percent) == 73
        assert (status.charging, status.plugged, list(status.connectors)) == (2, 3, [1, 2, 3, 4])
        assert status.connectors[1].started_at is not None
        assert [one.name for one in status.modules_of(2)] == ["module-3", "module-4"]
        assert status.board_of(4) is not None
        assert status.board_of(4).tripped == ("emergency stop",)
        assert status.meter_of(9) is None

    def test_null_is_unknown_and_never_zero(self) -> None:
        status = StatusView.read({"site": {"limit_w": None}, "connectors": {"1": {"power_w": None}}})

        assert status.site.limit_w is None
        assert status.site.headroom_w is None
        assert status.connectors[1].power_w is None
        assert status.connectors[1].plugged is None

    @given(damaged(cabinet.status(), json_values))
    def test_no_snapshot_however_damaged_is_an_error(self, raw) -> None:
        StatusView.read(raw)

    @given(json_values, json_values)
    def test_no_list_of_faults_or_events_is_an_error(self, active, items) -> None:
        FaultsView.read({"active": active, "recent": [{"severity": active, "raised_at": items}]})
        read_events({"items": items})

    def test_severity_is_read_by_number_and_by_name(self) -> None:
        words = {1: Severity.DANGER, "STOP_SESSION": Severity.STOP_SESSION, "stop session": Severity.STOP_SESSION}
        for told, meant in words.items():
            assert FaultView.read({"severity": told}).severity is meant
        assert FaultView.read({"severity": "terrible"}).severity is Severity.NOTICE
        assert FaultView.read({"severity": True}).severity is not Severity.STOP

    def test_unacknowledged_faults_come_first_then_the_worst_then_the_oldest(self) -> None:
        told = [
            cabinet.fault("A", "x", "", 1, acknowledged_at=cabinet.ago(seconds=1)),
            cabinet.fault("B", "x", "", 4),
            cabinet.fault("C", "x", "", 2, raised_at=cabinet.ago(seconds=5)),
            cabinet.fault("D", "x", "", 2, raised_at=cabinet.ago(seconds=9)),
        ]
        faults = FaultsView.read({"active": told})

        assert [one.code for one in faults.active] == ["D", "C", "B", "A"]
        assert len(faults.unacknowledged) == 3


class TestLink:
    def test_nothing_is_fresh_before_the_charger_has_spoken(self) -> None:
        store = Store(link_since_s=10.0)
        assert store.link is Link.CONNECTING
        assert store.stale(10.0)

        store.link_up(11.0)
        assert store.stale(11.0)

        store.put("status", cabinet.status(), 11.5)
        assert not store.stale(11.6)

    def test_a_lost_link_makes_everything_old_and_keeps_the_time_of_the_first_loss(self) -> None:
        store = Store()
        store.link_up(1.0)
        store.put("status", cabinet.status(), 2.0)
        store.link_down("closed", 3.0)
        store.link_down("nobody answers", 5.0)

        assert store.stale(3.0)
        assert (store.link, store.link_since_s, store.link_reason) == (Link.LOST, 3.0, "nobody answers")
        assert store.status is not None

    def test_fresh_words_after_a_loss_end_it(self) -> None:
        store = Store()
        store.link_up(1.0)
        store.link_down("closed", 3.0)
        store.link_up(9.0)
        store.put("status", cabinet.status(), 9.1)

        assert not store.stale(9.2)
        assert store.link_reason == ""

    def test_a_charger_that_holds_the_link_and_says_nothing_is_not_believed(self) -> None:
        store = Store()
        store.link_up(1.0)
        store.put("status", cabinet.status(), 2.0)

        assert not store.stale(2.0 + QUIET_LIMIT_S)
        assert store.stale(2.1 + QUIET_LIMIT_S)
        assert store.silent_for_s(12.0) == 10.0

    def test_other_topics_do_not_vouch_for_the_state(self) -> None:
        store = Store()
        store.link_up(1.0)
        store.put("status", cabinet.status(), 2.0)
        store.put("events", cabinet.events(), 20.0)
        store.unavailable("status", "cannot be told")

        assert store.stale(20.0)
        assert store.silent_reason == "cannot be told"

    def test_the_same_snapshot_again_is_no_change_but_proves_life(self) -> None:
        store = Store()
        store.link_up(0.0)
        assert store.put("status", cabinet.status(), 1.0)
        assert not store.put("status", cabinet.status(), 30.0)
        assert not store.stale(31.0)


class TestTrend:
    def test_the_store_records_the_course_of_each_connector(self) -> None:
        store = Store()
        for second in range(3):
            raw = cabinet.status()
            raw["connectors"]["1"]["power_w"] = 1000.0 * second
            store.put("status", raw, 100.0 + second)

        assert store.trend(1, "power_w").columns(102.0, 4, 1) == [None, 0.0, 1000.0, 2000.0]
        assert store.trend(4, "power_w").columns(102.0, 4, 1) == [None] * 4
        assert store.trend(7, "power_w").extremes(102.0, 60) is None

    def test_a_gap_stays_a_gap(self) -> None:
        trend = Trend()
        trend.add(100, 5.0)
        trend.add(101, None)
        trend.add(102, math.nan)
        trend.add(103, 7.0)

        assert trend.columns(103, 4, 1) == [5.0, None, None, 7.0]
        assert draw(trend.columns(103, 4, 1), LEVELS, 0, 8) == ["5  7"]

    def test_a_column_is_the_mean_of_its_slice_and_moves_by_whole_steps(self) -> None:
        trend = Trend()
        for second, value in enumerate((1.0, 3.0, 5.0, 7.0, 9.0)):
            trend.add(100 + second, value)

        assert trend.columns(104, 3, 2) == [2.0, 6.0, 9.0]
        assert trend.columns(105, 3, 2) == [2.0, 6.0, 9.0]
        assert trend.columns(106, 3, 2) == [6.0, 9.0, None]

    def test_extremes_are_those_of_the_span_shown(self) -> None:
        trend = Trend()
        for second in range(100):
            trend.add(second, float(second))

        assert trend.extremes(99, 10) == (89.0, 99.0)

    @given(st.lists(st.tuples(st.floats(0, 5000), st.floats(-10, 10))), st.integers(1, 40), st.integers(1, 30))
    def test_columns_are_as_many_as_asked_and_within_the_extremes(self, samples, count: int, step: int) -> None:
        trend = Trend()
        for at_s, value in sorted(samples):
            trend.add(at_s, value)
        columns = trend.columns(5000, count, step)
        known = [one for one in columns if one is not None]

        assert len(columns) == count
        assert all(-10.0001 <= one <= 10.0001 for one in known)

    def test_history_is_bounded(self) -> None:
        trend = Trend()
        for second in range(3 * KEPT_S):
            trend.add(second, 1.0)

        assert trend.columns(3 * KEPT_S, 2 * KEPT_S, 1).count(None) == KEPT_S

    def test_several_rows_stack_the_levels(self) -> None:
        assert draw([0.0, 4.0, 8.0, 16.0, None], LEVELS, 0, 16, rows=2) == ["   8 ", "1488 "]

    def test_the_lowest_value_is_still_a_sign_and_no_range_is_no_division(self) -> None:
        assert draw([3.0, 3.0], LEVELS, 3.0, 3.0) == ["11"]

    def test_the_span_decides_the_step(self) -> None:
        assert [column_seconds(width, 300) for width in (300, 150, 60, 39, 20, 5)] == [1, 2, 5, 10, 15, 60]
