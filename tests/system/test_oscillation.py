"""Two machines that disagree must not write to and fro for ever, nor eat the day's calls."""

from __future__ import annotations

from pathlib import Path

from support.world import world

from syncd.stages.deliver import MOST_FLIPS
from syncd.store.inbox import list_problems


def test_a_field_that_is_changed_back_each_time_freezes_with_a_problem(tmp_path: Path, sqlite_url: str) -> None:
    """After some rounds the field is left alone and named in the inbox; the other fields go on; agreement thaws it."""
    with world(tmp_path, sqlite_url) as made:
        contact = made.contact()
        made.settle()
        for _ in range(MOST_FLIPS + 3):
            made.hubspot.edit("contacts", contact, {"syncd_stage": "something else"})
            made.cycle()
        assert made.told(contact)["syncd_stage"] == "something else"
        with made.app.engine.connect() as connection:
            (problem,) = list_problems(connection, kind="oscillates")
        assert f"hubspot contacts {contact}" in problem.message
        assert "syncd_stage" in problem.message
        made.hubspot.edit("contacts", contact, {"syncd_stage": "something else", "problem": "Rust"})
        made.settle()
        assert made.leads()[0]["Problem__c"] == "Rust"
        made.hubspot.edit("contacts", contact, {"syncd_stage": "mql"})
        made.settle()
        with made.app.engine.connect() as connection:
            assert list_problems(connection, kind="oscillates") == []
        made.hubspot.edit("contacts", contact, {"syncd_stage": "something else"})
        made.settle()
        assert made.told(contact)["syncd_stage"] == "mql"
