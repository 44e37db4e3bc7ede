"""Lines that compute, ask a condition, or differ by market: what of them is refused, and what they touch."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_folder import SYSTEMS, mapped, problems_of, told, write

from syncd.edits.difference import compare_versions
from syncd.lead.decision import SourceRecord
from syncd.mapping.gaps import Gap, narrow
from syncd.mapping.loader import load
from syncd.mapping.model import ABSENT
from syncd.stages.deliver import plan_create, plan_update

HEAD = "system: hubspot\ncontact:\n  is: lead\n  fields:\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "share: {to: x, value: employes / 2}",
            "hubspot.yaml:5:27: unknown name 'employes'; did you mean 'employees'?\n"
            "    share: {to: x, value: employes / 2}\n                          ^",
        ),
        (
            "note: {to: x, value: name + employees}",
            "hubspot.yaml:5:31: '+' does not work on text and number; both sides must be of one kind\n"
            "    note: {to: x, value: name + employees}\n                              ^",
        ),
        (
            "name: {value: 'a + '}",
            "hubspot.yaml:5:23: cannot be read from here on; check quotes, brackets and operators before it\n"
            "    name: {value: 'a + '}\n                      ^",
        ),
        (
            "name: {to: x, when: sharing > 1}",
            "hubspot.yaml:5:25: unknown name 'sharing'; did you mean 'share'?\n"
            "    name: {to: x, when: sharing > 1}\n                        ^",
        ),
        (
            "name: {to: x, markets: {big: {when: emploies > 1}}}",
            "hubspot.yaml:5:41: unknown name 'emploies'; did you mean 'employees'?\n"
            "    name: {to: x, markets: {big: {when: emploies > 1}}}\n                                        ^",
        ),
        (
            "name: {to: x, markets: {bigg: {truncate: 5}}}",
            "hubspot.yaml:5:29: no market 'bigg' in the definition; did you mean 'big'?",
        ),
        (
            "name: {to: x, markets: {big: {to: y}}}",
            "hubspot.yaml:5:35: unknown key 'to'; "
            "known: as, constant, default, separator, truncate, value, values, when",
        ),
        ("name: {from: x, when: share > 1}", "hubspot.yaml:5:21: 'when' on a field that is never written; delete it"),
        (
            "name: {to: x, only: a > 1}",
            "hubspot.yaml:5:19: 'only' on a field that is never read; for what is written say 'when'",
        ),
        ("name: {from: x, value: y}", "hubspot.yaml:5:21: 'value' beside 'from'; keep one of the two"),
        (
            "name: {to: x, value: name, constant: y}",
            "hubspot.yaml:5:32: 'constant' beside 'value'; keep one of the two",
        ),
        ("nome: {to: x}", "hubspot.yaml:5:5: unknown lead field 'nome'; did you mean 'name'?"),
        (
            "Full Name: {to: x, value: name}",
            "hubspot.yaml:5:5: 'Full Name' cannot be a line's name; use lower-case letters, digits and _",
        ),
        (
            "name: {from: x, as: part 2}",
            "hubspot.yaml:5:25: 'part 2' of what stands between what?; say it: separator: \"/\"",
        ),
        ("score: {value: x}", "hubspot.yaml:5:13: 'score' is syncd's own word and cannot be read; use 'to' only"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_a_caret(tmp_path: Path, line: str, message: str) -> None:
    """The line as it stands in the file, the caret under the character meant."""
    assert told(problems_of(write(tmp_path, hubspot=f"{HEAD}    {line}\n")), tmp_path) == [message]


def record(**fields: object) -> SourceRecord:
    return SourceRecord(
        **{"system": "hubspot", "kind": "contacts", "id": "1", "fields": fields, "changed": {}, "agreed": {}},
        **{"first_modified": 1, "modified": 1, "deleted": False, "survivor": None},
    )


def test_what_is_computed_of_their_fields_needs_all_of_them(tmp_path: Path) -> None:
    """A field that was not read is not a blank one: the line says nothing then, and asks for all it takes."""
    line = mapped(tmp_path, "name: {value: a + b, only: 'c == \"1\"'}")
    assert line.read is not None
    assert line.read({"a": "x", "b": "y", "c": "1"}) == "xy"
    assert line.read({"a": "x", "b": "y", "c": "2"}) is None
    assert line.read({"a": "x", "b": "y"}) is ABSENT
    assert line.read({"a": "x", "c": "1"}) is ABSENT
    assert (line.reads, line.needs) == (("a", "b"), ("c",))


def test_a_line_that_does_not_apply_leaves_the_field_alone(tmp_path: Path) -> None:
    """Neither written nor emptied, by an update and by a create."""
    text = f"{HEAD}    email: {{to: mail}}\n    name: {{to: x, when: employees > 10}}\n"
    text = text.replace("is: lead", "is: lead\n  create: allowed\n  key: k")
    kind = load(write(tmp_path, hubspot=text), SYSTEMS).systems["hubspot"].kinds["contacts"]
    values = {"name": "new", "employees": 5, "email": "a@b.example"}
    write_, _, _ = plan_update(kind, record(x="old", mail=None), values, {}, lambda line, entity: None)
    assert write_ is not None
    assert write_.fields == {"mail": "a@b.example"}
    made, _ = plan_create(kind, "E1", values, lambda line, entity: None)
    assert made is not None
    assert (made.fields, made.key) == ({"mail": "a@b.example"}, ("k", "E1"))


def test_a_computed_value_that_does_not_fit_is_asked_about(tmp_path: Path) -> None:
    """It is not written, and nobody guesses."""
    text = f"{HEAD}    site: {{to: x, value: name}}\n"
    kind = load(write(tmp_path, hubspot=text), SYSTEMS).systems["hubspot"].kinds["contacts"]
    write_, _, asks = plan_update(kind, record(x=None), {"name": "no site"}, {}, lambda line, entity: None)
    assert write_ is None
    assert [ask.kind for ask in asks] == ["value does not fit"]


def test_a_table_that_one_market_uses_is_part_of_the_line(tmp_path: Path) -> None:
    """An edit of it is an edit of the line."""
    text = f"{HEAD}    industry: {{to: x, markets: {{big: {{values: t.csv}}}}}}\n"
    found = []
    for number, word in enumerate(("MFG", "MAN")):
        rows = f"theirs,ours\n{word},Manufacturing\nNRG,Energy\n"
        found.append(load(write(tmp_path / str(number), hubspot=text, **{"t.csv": rows}), SYSTEMS))
    edit = compare_versions(*found)
    assert [one.what for one in edit.lines] == ["hubspot contacts t.csv"]
    assert edit.kinds[("hubspot", "contacts")].lines == {"industry"}


def test_a_field_that_is_gone_is_written_in_no_market(tmp_path: Path) -> None:
    """Drift takes the line out in all its forms."""
    text = f"{HEAD}    email: {{from: mail}}\n    name: {{to: x, markets: {{big: {{truncate: 4}}}}}}\n"
    mappings = load(write(tmp_path, hubspot=text), SYSTEMS)
    gone = narrow(mappings, {("hubspot", "contacts"): Gap(unwritten=frozenset({"x"}))})
    for one, wanted in ((mappings, {"x": "Vol…"}), (gone, None)):
        kind = one.systems["hubspot"].kinds["contacts"]
        values = {"name": "Voltaform", "market": "big"}
        write_, _, _ = plan_update(kind, record(x=None), values, {}, lambda line, entity: None)
        assert (write_.fields if write_ is not None else None) == wanted
