"""Health: trouble is told once when it comes and once when it goes; why the process is not ready, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from support.clock import HOUR, NOW, moment

from syncd.health import Health

AWAY = ("Unavailable", "it does not answer")


def well(health: Health, name: str = "crm", **other: Any) -> bool:
    return health.polled(name, **{"calls": 1, **other})


def sample(health: Health, name: str) -> float:
    """The value of one line of the metrics."""
    (line,) = [one for one in health.metrics().decode().splitlines() if one.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_trouble_is_new_once_and_recovery_is_told_once() -> None:
    health = Health()
    assert [health.troubled("crm", *AWAY) for _ in range(3)] == [True, False, False]
    assert [well(health) for _ in range(3)] == [True, False, False]
    assert health.troubled("crm", *AWAY)


def test_trouble_of_another_kind_is_new_and_begins_anew() -> None:
    health = Health()
    with time_machine.travel(moment(), tick=False) as clock:
        health.troubled("crm", *AWAY)
        clock.shift(60)
        health.troubled("crm", "Unavailable", "it still does not answer")
        assert health.snapshot()["crm"].since == NOW / 1000
        assert health.troubled("crm", "AuthExpired", "the token was refused")
        assert health.snapshot()["crm"].since == NOW / 1000 + 60
    assert health.snapshot()["crm"].trouble == "the token was refused"


def test_one_systems_trouble_is_not_anothers() -> None:
    health = Health()
    health.troubled("crm", *AWAY)
    assert not well(health, "hub")
    assert health.snapshot()["crm"].trouble is not None


def test_recovery_leaves_no_trace_of_the_trouble() -> None:
    health = Health()
    health.troubled("crm", *AWAY)
    with time_machine.travel(moment(), tick=False):
        well(health, calls=7)
    found = health.snapshot()["crm"]
    assert (found.trouble, found.trouble_kind, found.since, found.last_poll) == (None, None, None, NOW / 1000)
    assert found.calls == 7


def test_a_process_is_ready_when_store_and_systems_are_well() -> None:
    health = Health()
    assert health.ready() == []
    well(health)
    assert health.ready() == []


def test_why_a_process_is_not_ready_is_told_per_part() -> None:
    health = Health(store_trouble="the state database is away")
    well(health, "hub")
    health.troubled("crm", *AWAY)
    assert health.ready() == ["the state database is away", "crm: it does not answer"]


def test_a_system_that_recovers_makes_the_process_ready_again() -> None:
    health = Health()
    health.troubled("crm", *AWAY)
    well(health)
    assert health.ready() == []


def test_a_snapshot_stays_as_it_was() -> None:
    health = Health()
    before = health.snapshot()
    well(health)
    assert dict(before) == {}


@pytest.mark.parametrize("in_trouble", [True, False])
def test_metrics_show_which_system_can_be_used(in_trouble: bool) -> None:
    health = Health()
    well(health, calls=7)
    if in_trouble:
        health.troubled("crm", *AWAY)
    assert sample(health, 'syncd_system_up{system="crm"}') == (0 if in_trouble else 1)
    assert sample(health, 'syncd_api_calls{system="crm"}') == 7


def test_metrics_count_the_seconds_since_the_latest_complete_poll() -> None:
    health = Health()
    with time_machine.travel(moment(), tick=False) as clock:
        well(health)
        clock.shift(HOUR / 1000)
        health.troubled("crm", *AWAY)
        assert sample(health, 'syncd_seconds_since_poll{system="crm"}') == 3600


def test_metrics_count_fates_outcomes_and_records() -> None:
    health = Health()
    health.fates.labels("refused").inc(3)
    health.outcomes.labels("created").inc(2)
    health.records.labels("hub").inc(5)
    assert sample(health, 'syncd_fates_total{fate="refused"}') == 3
    assert sample(health, 'syncd_writes_total{outcome="created"}') == 2
    assert sample(health, 'syncd_records_read_total{system="hub"}') == 5


def test_metrics_have_no_room_for_what_a_system_said() -> None:
    """Trouble may quote a remote answer; metrics carry names and numbers only."""
    health = Health()
    health.troubled("crm", "Unavailable", "canary@example.com")
    assert b"canary" not in health.metrics()


def test_a_system_that_is_not_read_any_more_is_not_ready_though_nothing_failed() -> None:
    """Three polls may be missed, and two minutes in any case; a poll of another worker's since the start counts."""
    with time_machine.travel(moment(), tick=False) as clock:
        health = Health()
        health.expect({"crm": timedelta(seconds=5), "erp": timedelta(minutes=15)})
        well(health)
        well(health, "erp")
        clock.shift(119)
        assert health.ready() == []
        clock.shift(61)
        assert health.ready() == ["crm: not read to its end for 3 min, though it is in no trouble that was told"]
        assert health.ready({"crm": NOW + 90_000}) == []
        clock.shift(HOUR / 1000)
        assert len(health.ready()) == 2
        health.troubled("crm", *AWAY)
        assert [one for one in health.ready() if one.startswith("crm")] == ["crm: it does not answer"]


def test_what_another_worker_read_before_this_one_began_makes_it_not_ready() -> None:
    with time_machine.travel(moment(), tick=False):
        health = Health()
        health.expect({"crm": timedelta(seconds=5)})
        assert health.ready({"crm": NOW - 1000}) == ["crm: not polled yet"]
        assert health.ready({"crm": NOW}) == []


def test_a_handoff_that_failed_is_told_without_what_it_was_about() -> None:
    health = Health()
    health.handoff_failed(ValueError("ann@plant.example"))
    (told,) = health.ready()
    assert told.startswith("the last handoff failed: ValueError at unknown")
    assert "ann" not in told
