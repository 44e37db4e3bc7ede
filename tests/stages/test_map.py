"""A system's record in our words: empty, not read and unreadable are three things."""

from __future__ import annotations

from support.builders import kind_map, line

from syncd.stages.map import map_fields, map_record

MAPPED = kind_map(line("company", reads="Company"), line("phone", reads=("Mobile", "Phone")), line("stage", writes="S"))


def test_an_empty_field_is_none_and_a_field_that_was_not_read_is_absent() -> None:
    assert map_record(MAPPED, {"Company": ""}) == ({"company": None}, {})
    assert map_record(MAPPED, {}) == ({}, {})


def test_the_first_of_several_sources_that_holds_something_is_taken() -> None:
    assert map_record(MAPPED, {"Mobile": None, "Phone": "+1"}) == ({"phone": "+1"}, {})


def test_an_unreadable_value_is_empty_with_a_reason_that_does_not_repeat_it() -> None:
    assert map_record(MAPPED, {"Company": "bad secret"}) == ({"company": None}, {"company": "not a value"})


def test_a_field_that_is_only_written_is_never_read() -> None:
    assert map_record(MAPPED, {"S": "mql"}) == ({}, {})


def test_only_the_wanted_fields_are_mapped() -> None:
    assert map_fields(MAPPED, {"Company": "A", "Phone": "+1"}, ["phone", "no such field"]) == ({"phone": "+1"}, {})
