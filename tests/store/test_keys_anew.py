"""Who is stored already is found by what the version in force calls a key, without waiting for a change of theirs."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from seam import CRM, DEFINITION, HUB, Seam

from syncd.daemon import keying
from syncd.daemon.keying import Keyer
from syncd.edits import difference
from syncd.edits.difference import compare_versions, telling
from syncd.edits.force import Running
from syncd.mapping.model import Mappings
from syncd.store.tables import keyed, match_key

BADGES = {
    "definition": DEFINITION.replace("  phone:", "  badge: {type: text, identifies: true}\n  phone:"),
    "hub": HUB.replace("    phone:", "    badge: {from: badge}\n    phone:"),
    "crm": CRM.replace("    last_name:", "    badge: {from: Badge}\n    last_name:"),
}
MAPPED = {**BADGES, "definition": BADGES["definition"].replace("text, identifies: true", "text")}


def keyer(seam: Seam, mappings: Mappings | None = None) -> Keyer:
    return Keyer(seam.engine, Running(seam.engine, mappings or seam.mappings, lambda _: None), threading.Event())


def catch_up(seam: Seam) -> None:
    for system in ("hub", "crm"):
        keyer(seam).catch_up(system)


def known(seam: Seam) -> dict[str, str | None]:
    return {f"{row.system} {row.kind}": row.after for row in seam.rows(keyed)}


def badges(seam: Seam) -> list[str]:
    return sorted(row.value for row in seam.rows(match_key, key="badge"))


def wears(seam: Seam, **badges: str) -> None:
    """Store contacts with badges (id without its letter -> badge), which tell nothing yet of who somebody is."""
    seam.edit(**MAPPED)
    for one, worn in badges.items():
        seam.contact(one[1:], {"email": f"p{one[1:]}@plant.example", "badge": worn})
    catch_up(seam)


def test_a_field_that_identifies_by_an_edit_finds_whom_it_is_stored_of(seam: Seam) -> None:
    wears(seam, _51="B-7")
    assert badges(seam) == []
    seam.edit(**BADGES)
    catch_up(seam)
    assert badges(seam) == ["B-7"]
    (ann,) = seam.entities()
    seam.crm_lead("00Q1", {"Email": "a.smith@home.example", "LastName": "S.", "Badge": "B-7"})
    assert seam.links()["crm Lead 00Q1"] == ann


def test_an_edited_line_is_read_anew_and_what_it_told_before_was_told_once(seam: Seam) -> None:
    seam.contact("51", {"work_email": "ann@works.example"})
    catch_up(seam)
    seam.edit(hub=HUB.replace("from: email", "from: work_email"))
    catch_up(seam)
    stated = {row.value: row.stated for row in seam.rows(match_key, key="email")}
    assert stated == {"ann@works.example": True, "ann@plant.example": False}


def test_two_who_turn_out_to_be_one_are_joined_unless_they_live_in_one_system(seam: Seam) -> None:
    wears(seam, _51="B-7", _52="B-9", _53="B-9")
    seam.crm_lead("00Q1", {"Email": "smith@x.example", "Badge": "B-7"})
    assert len(set(seam.links().values())) == 4
    seam.edit(**BADGES)
    catch_up(seam)
    links = seam.links()
    assert links["crm Lead 00Q1"] == links["hub contacts 51"]
    assert len(set(links.values())) == 3


def test_who_gained_a_key_is_decided_again_and_who_did_not_is_left_alone(seam: Seam) -> None:
    wears(seam, _51="B-7", _52="")
    seam.edit(**BADGES)
    seam.until_quiet()
    catch_up(seam)
    assert seam.due() == [seam.links()["hub contacts 51"]]


def test_it_goes_on_where_it_stopped_and_is_done_once(seam: Seam, monkeypatch: pytest.MonkeyPatch) -> None:
    seam.edit(**BADGES)
    for number in range(5):
        seam.contact(f"6{number}", {"email": f"p{number}@plant.example"})
    looked_at: list[list[str]] = []
    real = keying.read_keys_anew

    def counted(connection: Any, mappings: Any, kind_map: Any, ids: Any, *, now: int) -> int:
        looked_at.append(list(ids))
        return real(connection, mappings, kind_map, ids, now=now)

    monkeypatch.setattr(keying, "read_keys_anew", counted)
    one = keyer(seam)
    one.step, one.seconds = 2, 0.0
    for so_far in ("61", "63", None):
        one.catch_up("hub")
        assert known(seam)["hub contacts"] == so_far
    again = keyer(seam)
    again.catch_up("hub")
    one.catch_up("hub")
    assert looked_at == [["60", "61"], ["62", "63"], ["64"]]
    monkeypatch.setattr(difference, "KEYS", difference.KEYS + 1)  # a newer build makes other keys
    keyer(seam).catch_up("hub")
    assert looked_at[3:] == [["60", "61", "62", "63", "64"]]


def test_an_edit_amid_it_begins_anew(seam: Seam) -> None:
    wears(seam, _51="B-1", _52="B-2", _53="B-3")
    seam.edit(hub=MAPPED["hub"].replace("from: phone", "from: mobile"), **{k: MAPPED[k] for k in ("definition", "crm")})
    one = keyer(seam)
    one.step, one.seconds = 2, 0.0
    one.catch_up("hub")
    seam.edit(**BADGES)
    catch_up(seam)
    assert badges(seam) == ["B-1", "B-2", "B-3"]


def test_a_record_that_we_fail_on_keeps_its_keys_and_the_others_are_read(
    seam: Seam, monkeypatch: pytest.MonkeyPatch
) -> None:
    wears(seam, _51="B-7", _52="B-8", _53="B-9")
    seam.edit(**BADGES)
    real = keying.read_keys_anew

    def failing(connection: Any, mappings: Any, kind_map: Any, ids: Any, *, now: int) -> int:
        if "52" in ids:
            raise ZeroDivisionError
        return real(connection, mappings, kind_map, ids, now=now)

    monkeypatch.setattr(keying, "read_keys_anew", failing)
    catch_up(seam)
    assert known(seam) == {"hub contacts": None, "crm Lead": None, "crm Contact": None}
    assert badges(seam) == ["B-7", "B-9"]


def test_whoever_is_gone_keeps_the_last_word(seam: Seam) -> None:
    wears(seam, _51="B-7")
    seam.contact("51", deleted=True)
    (ann,) = seam.entities()
    before = seam.keys(ann)
    seam.edit(hub=HUB.replace("from: email", "from: work_email"))
    catch_up(seam)
    assert seam.keys(ann) == before != set()


@pytest.mark.parametrize(
    ("edited", "reread"),
    [
        ({"hub": HUB.replace("from: email", "from: [email, work_email]")}, True),
        ({"definition": DEFINITION.replace("version: 1", "version: 1\nregion: DE")}, True),
        ({"definition": DEFINITION.replace("mql, when", "sql, when").replace("from: mql", "from: sql")}, False),
        ({"hub": HUB.replace("from: budget", "from: money")}, False),
        ({"hub": HUB.replace("to: missing", "to: lacking")}, False),
    ],
)
def test_only_what_decides_about_keys_has_them_read_anew(seam: Seam, edited: dict[str, str], reread: bool) -> None:
    before = telling(seam.mappings, ("hub", "contacts"))
    seam.edit(**edited)
    assert (telling(seam.mappings, ("hub", "contacts")) != before) is reread


def test_a_plan_says_that_it_cannot_tell_who_turns_out_to_be_one(seam: Seam) -> None:
    seam.edit(**BADGES)
    edited = seam.mappings
    seam.edit(**MAPPED)
    (said,) = compare_versions(seam.mappings, edited).unforeseen
    assert said == (
        f"{edited.files.path('definition.yaml')}:4:3: a lead is known by other fields than before; which records turn "
        "out to be of one lead shows only then"
    )
