"""What is news in a page, what a hostile value becomes, and which changes are touches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.builders import polled, watching
from support.clock import MINUTE, NOW, days_ago

from connectors.contract import Record
from syncd.stages.poll import News, digest_record, sift, survivor_of, touches_in
from syncd.store.database import dumps
from syncd.store.intake import StoredRecord

ANN = {"email": "ann@plant.example", "phone": "+1"}


def seen(record: Record, **other: Any) -> dict[str, StoredRecord]:
    """The record as an earlier poll stored it."""
    _, (row,), _ = sift("crm", "Lead", [record], {})
    columns = {name: value for name, value in {**row, **other}.items() if name not in ("system", "kind")}
    return {record.id: StoredRecord(**columns)}


def only(found: tuple[list[News], list[dict[str, Any]], list[dict[str, Any]]]) -> News:
    (item,), (_,), stamps = found
    assert stamps == []
    return item


def test_a_record_seen_for_the_first_time_is_news_and_its_empty_fields_changed_nothing() -> None:
    item = only(sift("crm", "Lead", [polled("7", {**ANN, "city": None, "zip": ""})], {}))
    assert (item.new, item.matters, item.changed) == (True, True, ("email", "phone"))


def test_what_is_stored_of_a_record() -> None:
    record = polled("7", ANN, converted_to=("Contact", "003"))
    _, (row,), _ = sift("crm", "Lead", [record], {})
    assert row == {
        "system": "crm",
        "kind": "Lead",
        "id": "7",
        "fields": ANN,
        "changed": {},
        "first_modified": NOW,
        "modified": NOW,
        "deleted": False,
        "survivor": "Contact:003",
        "digest": digest_record(record)[1],
    }


def test_a_record_read_again_is_no_news() -> None:
    record = polled("7", ANN)
    assert sift("crm", "Lead", [record], seen(record)) == ([], [], [])


def test_a_touch_of_the_record_that_changes_no_field_moves_only_its_stamp() -> None:
    stored = seen(polled("7", ANN))
    stamp = {"b_system": "crm", "b_kind": "Lead", "b_id": "7", "b_modified": NOW + MINUTE}
    assert sift("crm", "Lead", [polled("7", ANN, NOW + MINUTE)], stored) == ([], [], [stamp])


def test_a_changed_field_is_named_and_stamped_and_the_others_keep_their_time() -> None:
    stored = seen(polled("7", ANN), changed={"phone": days_ago(3)})
    news, rows, _ = sift("crm", "Lead", [polled("7", {**ANN, "email": "b@plant.example"}, NOW + MINUTE)], stored)
    assert (news[0].changed, news[0].new, news[0].matters) == (("email",), False, True)
    assert rows[0]["changed"] == {"phone": days_ago(3), "email": NOW + MINUTE}


def test_a_field_that_is_read_for_the_first_time_is_news_but_did_not_change_now() -> None:
    """A newly mapped field: its value may be years old, so it must not pass for the newest."""
    _, rows, _ = sift("crm", "Lead", [polled("7", {**ANN, "city": "Ulm"}, NOW + MINUTE)], seen(polled("7", ANN)))
    assert rows[0]["changed"] == {}


def test_our_own_write_read_back_does_not_matter() -> None:
    """Its digest was cleared when the write was answered; the fields are the ones already known."""
    item = only(sift("crm", "Lead", [polled("7", ANN, NOW + MINUTE)], seen(polled("7", ANN), digest="")))
    assert (item.new, item.changed, item.matters) == (False, (), False)


def test_null_and_empty_text_are_the_same() -> None:
    item = only(sift("crm", "Lead", [polled("7", {"city": ""})], seen(polled("7", {"city": None}))))
    assert (item.changed, item.matters) == ((), False)


@pytest.mark.parametrize("other", [
    {"deleted": True},
    {"survivor": "8"},
    {"converted_to": ("Contact", "003")},
    {"merged": ("9",)},
])  # fmt: skip
def test_a_delete_a_merge_and_a_conversion_matter_without_a_changed_field(other: dict[str, Any]) -> None:
    item = only(sift("crm", "Lead", [polled("7", ANN, **other)], seen(polled("7", ANN))))
    assert (item.changed, item.matters) == ((), True)


def test_of_a_record_twice_in_one_page_the_later_read_counts() -> None:
    news, rows, _ = sift("crm", "Lead", [polled("7", {"x": 1}), polled("8"), polled("7", {"x": 2})], {})
    assert [(one.record.id, one.fields) for one in news] == [("7", {"x": 2}), ("8", {})]
    assert len(rows) == 2


def test_the_order_of_fields_makes_no_difference() -> None:
    assert digest_record(polled("7", {"a": 1, "b": 2}))[1] == digest_record(polled("7", {"b": 2, "a": 1}))[1]


def test_a_conversion_names_the_kind_it_lives_on_as() -> None:
    assert survivor_of(polled(converted_to=("Contact", "003"), survivor="8")) == "Contact:003"
    assert survivor_of(polled(survivor="8")) == "8"
    assert survivor_of(polled()) is None


@pytest.mark.parametrize(("raw", "kept"), [
    ("a\x00b", "ab"),
    ("half \ud83d", "half ?"),
    (10**400, str(10**400)),
    (-(2**63) - 1, str(-(2**63) - 1)),
    (-(2**63), -(2**63)),
    (2**63 - 1, 2**63 - 1),
    ([1, "a\x00", [10**30]], [1, "a", [str(10**30)]]),
    ({"a": {"b": "c\x00"}}, {"a": {"b": "c"}}),
    ({"a\x00": 1}, {"a": 1}),
    ({1: "one"}, {"1": "one"}),
    (("t", "u"), ["t", "u"]),
    (b"bytes", "b'bytes'"),
    ("👩‍🔧 \u202e", "👩‍🔧 \u202e"),
    ("x" * 1_000_000, "x" * 1_000_000),
])  # fmt: skip
def test_what_cannot_be_stored_is_made_storable(raw: Any, kept: Any) -> None:
    """And what can be stored is kept to the letter."""
    fields, _ = digest_record(polled(fields={"note": raw, "beside": "kept"}))
    assert json.loads(dumps(fields)) == {"note": kept, "beside": "kept"}


@pytest.mark.parametrize("raw", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_stored_as_nothing(raw: float) -> None:
    """JSON has no word for it."""
    fields, digest = digest_record(polled(fields={"n": raw}))
    assert dumps(fields) == '{"n":null}'
    assert digest == digest_record(polled(fields={"n": None}))[1]


def test_digests_tell_apart_what_differs() -> None:
    records = [
        polled(fields={"a": 1}),
        polled(fields={"a": "1"}),
        polled(fields={"b": 1}),
        polled(fields={"a": 1}, deleted=True),
        polled(fields={"a": 1}, survivor="2"),
        polled(fields={"a": 1}, merged=("2",)),
    ]
    assert len({digest_record(one)[1] for one in records}) == len(records)


# --- touches

FORM = watching("form_at", at="form_at", what="form", campaign="campaign")


def touches(fields: dict[str, Any], changed: tuple[str, ...] = ("form_at",), **map_: Any) -> list[dict[str, Any]]:
    news = News(polled("7", fields), fields, changed, new=False, matters=True)
    return touches_in(news, [watching("form_at", **map_) if map_ else FORM], "L")


def test_a_change_of_the_watched_field_is_a_touch() -> None:
    fields = {"form_at": "2026-05-01T10:00:00Z", "form": "Catalogue", "campaign": "Spring"}
    assert touches(fields) == [
        {"lead": "L", "kind": "form", "at": 1_777_629_600_000, "what": "Catalogue", "campaign": "Spring"}
    ]


def test_no_touch_without_a_change_or_a_value() -> None:
    assert touches({"form_at": "2026-05-01T10:00:00Z"}, changed=("email",)) == []
    assert touches({"form_at": None}) == []
    assert touches({"form_at": ""}) == []


@pytest.mark.parametrize(("raw", "at"), [
    ("2026-05-01T10:00:00Z", 1_777_629_600_000),
    ("2026-05-01T12:00:00+02:00", 1_777_629_600_000),
    ("2026-05-01T10:00:00.000+0000", 1_777_629_600_000),
    ("2026-05-01T10:00:00", 1_777_629_600_000),
    ("2026-05-01", 1_777_593_600_000),
    ("1777629600000", 1_777_629_600_000),
    (1_777_629_600_000, 1_777_629_600_000),
    ("0", NOW),
    ("1969-12-31T23:59:59Z", NOW),
    ("3000-01-01", NOW),
    ("9" * 40, NOW),
    ("²", NOW),
    ("yesterday", NOW),
    ("0000-00-00", NOW),
    ("0001-01-01T00:00:00+23:59", NOW),
    ("10000-01-01", NOW),
    ("9999-12-31T23:59:59-23:59", NOW),
    (True, NOW),
    ([1], NOW),
    ({"a": 1}, NOW),
    (10**400, NOW),
])  # fmt: skip
def test_a_touch_whose_time_cannot_be_read_has_the_time_of_the_change(raw: Any, at: int) -> None:
    assert [one["at"] for one in touches({"form_at": raw})] == [at]


def test_a_touch_may_take_its_time_from_another_field() -> None:
    assert touches({"form_at": "x", "when": "2026-05-01"}, at="when")[0]["at"] == 1_777_593_600_000


def test_long_names_are_cut() -> None:
    found = touches({"form_at": 1_777_629_600_000, "form": "f" * 9_000, "campaign": ["c" * 9_000]})
    assert (len(found[0]["what"]), len(found[0]["campaign"])) == (500, 500)


def test_a_record_put_back_with_an_old_stamp_is_news_and_a_late_index_is_not() -> None:
    """From a backup: days older than what is stored. What a search index shows a little late is no news."""
    stored = seen(polled("7", ANN))
    assert sift("crm", "Lead", [polled("7", {**ANN, "phone": "+2"}, NOW - MINUTE)], stored)[0] == []
    assert only(sift("crm", "Lead", [polled("7", {**ANN, "phone": "+2"}, days_ago(9))], stored)).changed == ("phone",)
