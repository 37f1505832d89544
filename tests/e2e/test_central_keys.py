"""The central system changes the configuration: one history for both sides, and one thing in force."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from jp_firmware.demo.site import START_S, Site, wait_for
from tests.e2e.driving import charge, ended_session, is_dead, is_online


def change(site: Site, key: str, value: str) -> str:
    payload = {"key": key, "value": value}
    answer = site.csms("call", station=site.cabinet.charger.identity, action="ChangeConfiguration", payload=payload)
    return str(answer["status"])


def told(site: Site, *keys: str) -> dict[str, Any]:
    payload = {"key": list(keys)} if keys else {}
    answer = site.csms("call", station=site.cabinet.charger.identity, action="GetConfiguration", payload=payload)
    return {one["key"]: one.get("value") for one in answer["configurationKey"]}


def jp(site: Site, *words: str) -> str:
    """What the command says to a person on site."""
    done = subprocess.run(
        [sys.executable, "-m", "jp_firmware", *words, "--socket", str(site.console_socket)],
        capture_output=True,
        text=True,
        timeout=START_S,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def heartbeats(site: Site) -> int:
    return sum(one["direction"] == "received" for one in site.csms("messages", action="Heartbeat"))


def test_what_the_central_system_changes_is_in_the_history_outlives_a_restart_and_can_be_undone(own_site: Site) -> None:
    site = own_site
    # One that leaves the interval of heartbeats to the charger: what it told would count instead of the key.
    accepted = {"status": "Accepted", "currentTime": "2026-11-20T12:00:00Z", "interval": 0}
    site.csms("answer", action="BootNotification", mode="payload", count=0, payload=accepted)
    first = site.call("config.values")["version"]

    assert change(site, "HeartbeatInterval", "1") == "Accepted"
    before = heartbeats(site)
    wait_for(lambda: heartbeats(site) >= before + 3, "heartbeats every second")
    (latest, *_) = json.loads(jp(site, "config", "history", "--json"))
    assert (latest["origin"], latest["who"]) == ("central system", "127.0.0.1")
    assert "HeartbeatInterval" in latest["why"]

    site.stop("controller")
    site.start_controller()
    wait_for(lambda: is_online(site), "the central system to be online")
    assert told(site, "HeartbeatInterval", "JP.ocpp.heartbeat_interval_s") == {
        "HeartbeatInterval": "1",
        "JP.ocpp.heartbeat_interval_s": "1",
    }

    connections = site.csms("stations")[0]["connections"]
    jp(site, "config", "rollback", str(first), "--yes")
    assert told(site, "HeartbeatInterval") == {"HeartbeatInterval": "300"}
    assert site.csms("stations")[0]["connections"] == connections


def test_a_session_does_not_notice_and_the_limit_is_the_sites(own_site: Site) -> None:
    site = own_site
    charge(site, 1, above_w=40_000)

    assert change(site, "JP.site.limit_w", "30000") == "Accepted"
    wait_for(lambda: (site.connector(1)["power_w"] or 0) < 31_500, "the power to come down")
    assert site.connector(1)["state"] == "charging"
    assert told(site, "JP.site.limit_w") == {"JP.site.limit_w": "30000"}
    assert change(site, "JP.site.limit_w", "much") == "Rejected"
    assert change(site, "JP.backend.url", "ws://elsewhere/ocpp") == "Rejected"
    site.call("connector.stop", connector=1)
    ended_session(site, 1)
    wait_for(lambda: is_dead(site, 1), "connector 1 to be dead")


def test_a_draft_made_before_is_outdated_and_shown_the_difference(own_site: Site) -> None:
    site = own_site
    base = site.call("config.values")["version"]
    assert change(site, "MinimumStatusDuration", "2") == "Accepted"
    mine = [{"put": "site.limit_w", "value": 90_000}]
    outdated = site.call("config.apply", edits=mine, base=base)

    assert outdated["result"] == "outdated"
    assert (outdated["who"], outdated["origin"]) == ("127.0.0.1", "central system")
    assert any("minimum_status_duration_s" in one for one in outdated["changes"])
    assert site.call("config.apply", edits=mine, base=outdated["version"])["result"] == "applied"
    assert told(site, "MinimumStatusDuration", "JP.site.limit_w") == {
        "MinimumStatusDuration": "2",
        "JP.site.limit_w": "90000",
    }


def test_everything_is_listed_and_what_the_command_line_says_is_read_only(own_site: Site) -> None:
    site = own_site
    answer = site.csms("call", station=site.cabinet.charger.identity, action="GetConfiguration", payload={})
    found = {one["key"]: one for one in answer["configurationKey"]}

    assert len(found) > 200
    assert found["JP.process.guard_deadline_s"] == {
        "key": "JP.process.guard_deadline_s",
        "readonly": True,
        "value": "5",
    }
    assert "value" not in found["JP.backend.password"]
    assert change(site, "JP.process.guard_deadline_s", "1") == "Rejected"


def test_a_new_password_is_taken_up_at_once_and_stays(own_site: Site) -> None:
    site, password = own_site, "0123456789abcdef0123"
    connections = site.csms("stations")[0]["connections"]
    assert change(site, "AuthorizationKey", password) == "Accepted"

    wait_for(
        lambda: site.csms("stations")[0]["connections"] == connections + 1 and is_online(site), "another connection"
    )
    wait_for(lambda: site.call("config.values")["unconfirmed"] is None, "it to be confirmed")
    assert password in (site.directory / "state/config/secrets.toml").read_text()
    assert told(site, "AuthorizationKey", "JP.backend.password") == {
        "AuthorizationKey": None,
        "JP.backend.password": None,
    }
    assert password not in site.log_of("controller")
