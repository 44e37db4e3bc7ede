"""HubSpot's records by id and by value, and its properties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot_bench import FIELDS, Bench, bench, old, people

from connectors.contract import FieldType, FieldWanted
from connectors.errors import ConfigProblem
from connectors.hubspot.records import milliseconds, record, rows_of
from sandbox.wire import Fault


@pytest.fixture
def desk() -> Iterator[Bench]:
    with bench() as made:
        yield made


def test_250_records_are_fetched_in_3_calls_and_missing_ones_are_left_out(desk: Bench) -> None:
    ids = desk.sim.seed("contacts", people(250))
    desk.sim.archive("contacts", ids[9])
    records = desk.connector.fetch("contacts", [*ids, "999999"], FIELDS)
    assert {record.id for record in records} == set(ids) - {ids[9]}
    assert desk.server.board.total() == 3
    assert all(set(record.fields) == set(FIELDS) for record in records)


def test_a_merged_id_is_fetched_as_its_survivor(desk: Bench) -> None:
    first, second = desk.sim.seed("contacts", people(2))
    survivor = desk.sim.merge("contacts", first, second)
    old_id = second if survivor != second else first
    (record,) = desk.connector.fetch("contacts", [old_id], FIELDS)
    assert record.id == survivor
    assert old_id in record.merged


def test_a_merged_away_id_is_read_however_many_properties_are_mapped(desk: Bench) -> None:
    """Three hundred names do not fit a URI (414): the id is asked for alone, and the survivor by a batch."""
    names = [f"a_rather_long_property_name_{number}" for number in range(300)]
    for name in names:
        desk.sim.define_property("contacts", name)
    kept, gone = desk.sim.seed("contacts", [{"email": "a@example.com", names[7]: "kept"}, {"email": "b@example.com"}])
    survivor = desk.sim.merge("contacts", kept, gone)
    (record,) = desk.connector.fetch("contacts", [gone], names)
    assert (record.id, gone in record.merged, record.fields[names[7]]) == (survivor, True, "kept")
    assert desk.server.board.total() == 3


def test_both_merge_properties_are_read_and_the_record_itself_is_not_among_its_merged() -> None:
    merges = {
        "hs_merged_object_ids": "7;8",
        "hs_calculated_merged_vids": "8:1700000000000;9:1700000000001;5:1700000000002",
    }
    (row,) = rows_of("contacts", [{"id": "5", "properties": merges}])
    assert record(row, ()).merged == ("7", "8", "9")


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("2026-09-11T13:27:39.356Z", 1_789_133_259_356),
        ("2026-09-11T13:27:39Z", 1_789_133_259_000),
        ("1789133259356", 1_789_133_259_356),
        (1_789_133_259_356, 1_789_133_259_356),
        ("soon", None),
        (None, None),
        (True, None),
        ("9" * 40, None),
    ],
)
def test_a_stamp_is_read_in_every_form_that_hubspot_sends(text: Any, stamp: int | None) -> None:
    assert milliseconds(text) == stamp


def test_find_returns_every_match_and_ignores_case(desk: Bench) -> None:
    rows = [{"name": f"c{n}", "domain": f"d{n % 300}.example.com"} for n in range(600)]
    desk.sim.seed("companies", rows, modified=old())
    values = [f"D{n}.Example.com" for n in range(150)]
    records = desk.connector.find("companies", "domain", values, ("name", "domain"))
    assert len(records) == 300
    assert {record.fields["domain"] for record in records} == {value.lower() for value in values}
    assert desk.connector.find("companies", "domain", ["nobody.example.com", ""], ("name",)) == []


def test_find_splits_values_that_are_too_long_for_one_search(desk: Bench) -> None:
    rows = [{"email": f"{'long' * 12}{n}@example.com"} for n in range(100)]
    desk.sim.seed("contacts", rows, modified=old())
    records = desk.connector.find("contacts", "email", [row["email"] for row in rows], ("email",))
    assert len(records) == 100
    assert {status for _, status in desk.server.board.journal} == {200}


def test_fields_tell_type_choices_and_who_may_write(desk: Bench) -> None:
    desk.sim.define_property("contacts", "my_many", "enumeration", "checkbox", options=["a", "b"])
    desk.sim.define_property("contacts", "my_key", unique=True)
    fields = {info.name: info for info in desk.connector.fields("contacts")}
    assert (fields["my_many"].type, fields["my_many"].choices) == (FieldType.CHOICES, ("a", "b"))
    assert fields["lifecyclestage"].type is FieldType.CHOICE
    assert "customer" in fields["lifecyclestage"].choices
    assert fields["lifecyclestage"].restricted
    assert fields["my_key"].unique
    assert not fields["lastmodifieddate"].writable
    assert fields["lastmodifieddate"].type is FieldType.DATETIME
    assert fields["email"].writable
    assert fields["email"].unique
    assert fields["hubspot_owner_id"].type is FieldType.REFERENCE
    assert not fields["hubspot_owner_id"].restricted


def test_an_unknown_object_is_a_config_problem(desk: Bench) -> None:
    with pytest.raises(ConfigProblem, match="cars"):
        desk.connector.fields("cars")
    with pytest.raises(ConfigProblem, match="cars"):
        desk.poll("cars")
    with pytest.raises(ConfigProblem, match="no_such"):
        desk.connector.find("contacts", "no_such", ["x"], ("email",))


WANTED = [
    FieldWanted(kind="contacts", name="syncd_key", label="Key", type=FieldType.TEXT, unique=True),
    FieldWanted(kind="contacts", name="syncd_note", label="Note", type=FieldType.TEXT, length=4000),
    FieldWanted(kind="contacts", name="syncd_flag", label="Flag", type=FieldType.BOOLEAN),
    FieldWanted(kind="contacts", name="syncd_day", label="Day", type=FieldType.DATE),
    FieldWanted(kind="contacts", name="syncd_when", label="When", type=FieldType.DATETIME),
    FieldWanted(kind="contacts", name="syncd_sum", label="Sum", type=FieldType.NUMBER),
    FieldWanted(kind="contacts", name="syncd_one", label="One", type=FieldType.CHOICE, choices=("x", "y")),
    FieldWanted(kind="companies", name="syncd_many", label="Many", type=FieldType.CHOICES, choices=("x", "y")),
]


def test_prepare_creates_what_is_missing_and_a_second_time_nothing(desk: Bench) -> None:
    told = desk.connector.prepare(WANTED, apply=False)
    assert len(told) == len(WANTED)
    assert all("would be created" in line for line in told)
    assert all(line.endswith(": created") for line in desk.connector.prepare(WANTED, apply=True))
    assert desk.connector.prepare(WANTED, apply=True) == []
    for wanted in WANTED:
        info = next(i for i in desk.connector.fields(wanted.kind) if i.name == wanted.name)
        assert (info.type, info.unique, info.choices) == (wanted.type, wanted.unique, wanted.choices)


@pytest.mark.parametrize("call", ["POST properties/contacts/batch", "POST schemas", "POST associations"])
def test_what_prepare_made_though_the_answer_was_lost_is_told_as_made(call: str) -> None:
    """The try that follows is refused, since it is there."""
    with bench(custom_objects=True) as desk:
        lost = Fault(kind="after", match=call, status=504, body=b"<html>gateway</html>")
        desk.server.board.add(lost)
        place = FieldWanted(kind="branch", name="name", label="Name", type=FieldType.TEXT)
        lines = desk.connector.prepare([*WANTED, place], apply=True)
        assert lost.fired == 1
        assert [line for line in lines if "by hand" in line] == []
        assert sum("created" in line for line in lines) == len(WANTED) + 2
        assert desk.connector.prepare([*WANTED, place], apply=True) == []


def test_prepare_leaves_what_is_there_and_names_what_a_person_must_do(desk: Bench) -> None:
    desk.sim.define_property("contacts", "syncd_one", "enumeration", "select", options=["x"])
    desk.sim.define_property("contacts", "syncd_key")
    desk.sim.define_property("contacts", "syncd_sum")
    lines = desk.connector.prepare(WANTED[:1] + WANTED[5:7], apply=True)
    assert any("syncd_one: by hand: add the options y" in line for line in lines)
    assert any("syncd_key: by hand: it must have unique values" in line for line in lines)
    assert any("syncd_sum: by hand: it is of type text" in line for line in lines)
    info = {i.name: i for i in desk.connector.fields("contacts")}
    assert info["syncd_one"].choices == ("x",)


def test_prepare_reports_a_property_that_hubspot_refuses(desk: Bench) -> None:
    wanted = FieldWanted(kind="contacts", name="Bad Name", label="x", type=FieldType.TEXT)
    (line,) = desk.connector.prepare([wanted], apply=True)
    assert "not a name HubSpot allows" in line
