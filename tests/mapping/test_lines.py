"""One line of a mapping, compiled: which field counts, what blank and unread mean, what the way back does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mapping_folder import HUBSPOT, SYSTEMS, mapped, write

from connectors import registry
from syncd.lead.definition import EntityKind, FieldType
from syncd.mapping.loader import load
from syncd.mapping.model import ABSENT, BadValue, Conflict, Method

COUNTRY = "    country: {from: country}\n"


def value_of(line: Any, fields: dict[str, Any]) -> Any:
    assert line.read is not None
    return line.read(fields)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"a": "6175550123", "b": "6175550199"}, "+16175550123"),
        ({"a": None, "b": "6175550199"}, "+16175550199"),
        ({"a": "", "b": "6175550199"}, "+16175550199"),
        ({"a": "  ", "b": "6175550199"}, "+16175550199"),
        ({"a": "n/a", "b": "6175550199"}, "+16175550199"),
        ({"a": None, "b": ""}, None),
        ({"b": "6175550199"}, ABSENT),
        ({"a": None}, ABSENT),
        ({}, ABSENT),
        ({"a": "6175550123"}, "+16175550123"),
    ],
)
def test_the_first_field_with_a_value_wins(tmp_path: Path, fields: dict[str, Any], value: Any) -> None:
    """Blank and unreadable ones are passed over; one that was not read could hold the winner, so nothing is said."""
    assert value_of(mapped(tmp_path, "phone: {from: [a, b]}"), fields) == value


def test_an_unreadable_value_is_told_when_no_other_stands_in(tmp_path: Path) -> None:
    """A bad value is neither blank nor absent."""
    line = mapped(tmp_path, "phone: {from: [a, b]}")
    assert value_of(line, {"a": "n/a", "b": None}) == BadValue("not a phone number")


def test_absent_empty_and_present_are_three_things(tmp_path: Path) -> None:
    """A field that was not read says nothing, an empty one says empty."""
    line = mapped(tmp_path, "name: {from: a}")
    assert value_of(line, {}) is ABSENT
    assert value_of(line, {"a": None}) is None
    assert value_of(line, {"a": "x"}) == "x"


@pytest.mark.parametrize(
    ("country", "value"), [("Germany", "+498912345678"), ("", None), ("Narnia", None), ("US", None), ("+49", None)]
)
def test_a_phone_is_read_with_the_records_country(tmp_path: Path, country: str, value: str | None) -> None:
    """Where the country is unknown, the definition's region counts."""
    line = mapped(tmp_path, "phone: {from: p, region: country}", before=COUNTRY)
    got = value_of(line, {"p": "089 12345678", "country": country})
    assert (got if isinstance(got, str) and got.startswith("+49") else None) == value


def test_the_country_counts_without_being_asked_for(tmp_path: Path) -> None:
    """`region: country` is the default wherever the kind reads a country."""
    line = mapped(tmp_path, "postcode: {from: zip}", before=COUNTRY)
    assert value_of(line, {"zip": 1234, "country": "USA"}) == "01234"
    assert value_of(line, {"zip": 1234, "country": "Norway"}) == "1234"


def test_a_fixed_region_is_a_country_code(tmp_path: Path) -> None:
    """For a system that holds one country only."""
    assert value_of(mapped(tmp_path, "phone: {from: p, region: DE}"), {"p": "089 12345678"}) == "+498912345678"


def test_defaults_and_constants(tmp_path: Path) -> None:
    """A default stands in for blank, never for unread; a constant is read whatever the record holds."""
    line = mapped(tmp_path, "country: {from: c, default: Germany}")
    assert (value_of(line, {"c": ""}), value_of(line, {}), value_of(line, {"c": "US"})) == ("DE", ABSENT, "US")
    assert value_of(mapped(tmp_path, "country: {constant: usa}"), {}) == "US"


def test_joined_fields(tmp_path: Path) -> None:
    """`as: join` puts the parts together, in order."""
    line = mapped(tmp_path, "name: {from: [a, b], as: join}")
    assert value_of(line, {"a": "Main St 1", "b": " Dock 4"}) == "Main St 1 Dock 4"
    assert value_of(line, {"a": "Main St 1", "b": None}) == "Main St 1"
    assert value_of(line, {"a": "Main St 1"}) is ABSENT


def test_steps_are_taken_in_order(tmp_path: Path) -> None:
    """HTML first, then the name inside it."""
    line = mapped(tmp_path, "name: {from: a, as: [html, last name]}")
    assert value_of(line, {"a": "<b>Ann&nbsp;Lee</b>"}) == "Lee"


@pytest.mark.parametrize(
    ("connector", "line", "ours", "raw"),
    [
        ("hubspot", "employees: {to: n}", 5, "5"),
        ("salesforce", "employees: {to: n}", 5, 5),
        ("hubspot", "opted_out: {to: n}", True, "true"),
        ("salesforce", "opted_out: {to: n}", True, True),
        ("hubspot", "opted_out: {to: n}", None, None),
        ("salesforce", "opted_out: {to: n}", None, False),
        ("hubspot", "opted_out: {to: n, as: not}", True, "false"),
        ("hubspot", "share: {to: n}", 12.5, "12.5"),
        ("salesforce", "share: {to: n}", 12.5, 12.5),
        ("hubspot", "rivals: {to: n}", ["a", "b"], "a;b"),
        ("salesforce", "rivals: {to: n}", ["a", "b"], "a;b"),
        ("salesforce", "rivals: {to: n, as: text}", ["a", "b"], "a, b"),
        ("salesforce", "rivals: {to: n}", "none considered", "none considered"),
        ("hubspot", "budget: {to: n}", "not set yet", "not set yet"),
        ("hubspot", "seen: {to: n}", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("hubspot", "country: {to: n, as: country name}", "DE", "Germany"),
        ("hubspot", "country: {to: n, values: {Deutschland: DE}}", "DE", "Deutschland"),
        ("hubspot", "name: {to: n, as: html}", "a < b\nc", "a &lt; b<br>c"),
        ("hubspot", "name: {to: n}", None, None),
        ("hubspot", "score: {to: n}", 55, "55"),
        ("hubspot", "refusal: {to: n}", "budget, authority", "budget, authority"),
        ("salesforce", "in_market: {to: n}", True, True),
    ],
)
def test_each_system_gets_its_own_form(tmp_path: Path, connector: str, line: str, ours: Any, raw: Any) -> None:
    """HubSpot takes text, Salesforce JSON; and what was written reads back as ours."""
    one = mapped(tmp_path, line, connector=connector)
    assert one.write is not None
    written = one.write(ours)
    assert (type(written), written) == (type(raw), raw)
    assert one.read_back is not None
    assert ours is None or one.read_back({"n": written}) == ours


def test_a_value_that_the_form_cannot_hold_is_not_written(tmp_path: Path) -> None:
    line = mapped(tmp_path, "rivals: {to: n}")
    assert line.write is not None
    assert isinstance(line.write(["a;b"]), BadValue)


def test_a_reference_names_the_kind_it_points_at(tmp_path: Path) -> None:
    """By the system's own name of the kind; ids stay as they are."""
    text = HUBSPOT + "    account: {from: associatedcompanyid, as: link company}\ncompany:\n  is: account\n"
    folder = write(tmp_path, hubspot=text + "  fields:\n    domain: {from: domain}\n")
    kind = load(folder, SYSTEMS).kind("hubspot", "contacts")
    assert kind is not None
    line = kind.fields["account"]
    assert line.refers_to == (EntityKind.ACCOUNT, "companies")
    assert line.type is FieldType.REFERENCE
    values = [value_of(line, {"associatedcompanyid": raw}) for raw in ("7", 7, 7.0, None, "")]
    assert values == ["7", "7", "7", None, None]


def test_a_kind_knows_every_field_it_needs(tmp_path: Path) -> None:
    """Read, written, watched, judged, and the key."""
    text = """\
system: hubspot
contact:
  is: lead
  create: allowed
  key: syncd_key
  only: lifecyclestage != "other"
  method: observed
  fields:
    email: {from: [email, work_email]}
    name: {to: syncd_name, conflict: fill, method: bought}
  touches:
    - {kind: form, watch: w, at: t, what: n, campaign: c}
"""
    kind = load(write(tmp_path, hubspot=text), SYSTEMS).kind("hubspot", "contacts")
    assert kind is not None
    assert kind.read_fields() == tuple(
        sorted(["email", "work_email", "syncd_name", "syncd_key", "lifecyclestage", "w", "t", "n", "c"])
    )
    assert (kind.section, kind.fields["email"].method, kind.fields["name"].method) == (
        "contact",
        Method.OBSERVED,
        Method.BOUGHT,
    )
    assert kind.fields["name"].conflict is Conflict.FILL


def test_a_line_says_its_rule_in_words(tmp_path: Path) -> None:
    """For `explain`."""
    line = mapped(tmp_path, "phone: {from: [m, p], to: p, as: phone, region: country}", before=COUNTRY)
    assert line.rule == "from m or p, to p, as phone, region country"


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("budget: {to: n}", FieldType.MONEY),
        ("budget: {to: n, as: text}", FieldType.TEXT),
        ("rivals: {to: n, as: text}", FieldType.TEXT),
        ("seen: {to: n}", FieldType.DATETIME),
        ("cycle: {to: n}", FieldType.INTEGER),
    ],
)
def test_a_line_says_what_the_systems_field_must_hold(tmp_path: Path, line: str, held: FieldType) -> None:
    """So that `setup` creates a field of the right type."""
    assert mapped(tmp_path, line).holds is held


def test_rows_of_a_table_say_where_they_come_from(tmp_path: Path) -> None:
    """What the sql connector is told of a kind."""
    text = "system: erp\nrow:\n  is: branch\n  table: {query: select 1, id: [a, b], modified: m}\n  fields:\n"
    folder = write(tmp_path, erp=text + "    branch_key: {from: k}\n")
    kind = load(folder, SYSTEMS).kind("erp", "row")
    assert kind is not None
    assert kind.table == {"query": "select 1", "id": ["a", "b"], "modified": "m"}


@pytest.mark.parametrize("connector", ["files", "csv"])
def test_a_folder_of_files_goes_by_either_name(connector: str, tmp_path: Path) -> None:
    """In the config as in the mapping that says where the rows come from."""
    assert registry.find(connector).connect is registry.find("files").connect
    rows = "system: list\nrow:\n  is: account\n  table: {file: list.csv, id: no}\n  fields: {domain: {from: site}}\n"
    folder = write(tmp_path, list=rows)
    assert load(folder, {"hubspot": "hubspot", "list": connector}).systems["list"].kinds["row"].fields["domain"]
