"""A sandbox that was stopped goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hubspot_account import open_account, where

from sandbox.hubspot import HubSpot


def test_a_loaded_account_is_the_one_that_was_saved(tmp_path: Path) -> None:
    """Records, definitions, merges, the recycle bin, owners, history and counters all come back."""
    file = tmp_path / "hubspot.json"
    with open_account() as before:
        before.hub.define_property("contacts", "syncd_id", unique=True)
        type_id = before.hub.define_object("branches")
        a, b, c = before.hub.seed("contacts", [{"email": f"{n}@b.co", "syncd_id": n} for n in "abc"])
        before.hub.edit("contacts", c, {"city": "Bonn"})
        merged = before.hub.merge("contacts", a, b)
        gone = before.create("contacts", email="gone@b.co")["id"]
        before.call("DELETE", f"contacts/{gone}")
        owner = before.hub.define_owner("new@example.com", "New", "Person")
        before.hub.save(file)
        held = before.get(f"contacts/{c}", propertiesWithHistory="city").json()
    with open_account() as after:
        after.hub.load(file)
        assert after.hub.writes["contacts"] == 2
        assert after.create("contacts", email="next@b.co")["id"] == str(int(gone) + 1)
        assert after.get(f"contacts/{a}").json()["id"] == merged
        assert after.get(f"contacts/{c}", propertiesWithHistory="city").json() == held
        assert [row["id"] for row in after.get("contacts", archived=True).json()["results"]] == [gone]
        assert after.found("contacts", where("syncd_id", "EQ", "c")) == [c]
        assert after.post("contacts", {"properties": {"syncd_id": "c"}}).status_code == 400
        assert after.get("/crm/v3/owners/" + owner).status_code == 200
        assert after.get(type_id).status_code == 200


def test_a_save_leaves_no_half_file_behind(tmp_path: Path) -> None:
    hub = HubSpot()
    for _ in range(2):
        hub.save(tmp_path / "hubspot.json")
    assert [file.name for file in tmp_path.iterdir()] == ["hubspot.json"]


def test_seeding_refuses_what_hubspot_could_not_hold() -> None:
    hub = HubSpot()
    with pytest.raises(ValueError, match="no such property: nonsense"):
        hub.seed("contacts", [{"nonsense": "1"}])
    with pytest.raises(ValueError, match="the same email"):
        hub.seed("contacts", [{"email": "a@b.co"}, {"email": "A@b.co"}])
    hub.seed("contacts", [{"email": "a@b.co"}])
    with pytest.raises(ValueError, match="the same email"):
        hub.seed("contacts", [{"email": "a@b.co"}])


def test_seeding_may_set_what_no_call_can(tmp_path: Path) -> None:
    hub = HubSpot()
    row = {
        "hs_analytics_num_page_views": 12,
        "createdate": "2026-01-02T03:04:05Z",
        "lastmodifieddate": 1_790_000_000_000,
    }
    (known,) = hub.seed("contacts", [row])
    held = hub.get("contacts", known)
    assert held["hs_analytics_num_page_views"] == "12"
    assert held["createdate"] == "2026-01-02T03:04:05Z"
    assert held["lastmodifieddate"] == "2026-09-21T14:13:20Z"
