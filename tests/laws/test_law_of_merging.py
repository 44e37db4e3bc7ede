"""Laws of merging: order makes no difference, nothing is invented, an opt-out is final, twice is once."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import both, definition, field, kind_map, says, stored
from support.clock import NOW

from syncd.lead.decision import Origin
from syncd.lead.definition import EntityKind, FieldType, Merge
from syncd.mapping.model import Conflict, KindMap, Method
from syncd.stages.deliver import plan_update
from syncd.stages.merge import (
    Candidate,
    Said,
    _choose_each,
    _is_undisputed,
    _offers,
    _stands_alone,
    _take_all,
    _take_together,
    _tell,
    changes_between,
    merge_values,
)

pytestmark = pytest.mark.slow

RULES = {
    "newest": field("newest"),
    "ranked": field("ranked", merge=Merge.RANK, ranks=("b", "a")),
    "most": field("most", FieldType.INTEGER, merge=Merge.MAX),
    "least": field("least", FieldType.INTEGER, merge=Merge.MIN),
    "all": field("all", FieldType.LIST, merge=Merge.UNION),
    "opted_out": field("opted_out", FieldType.BOOLEAN, merge=Merge.ANY),
    "street": field("street", together="address"),
    "city": field("city", together="address"),
    "state": field("state", FieldType.STATE, together="address"),
    "postcode": field("postcode", FieldType.POSTCODE, together="address"),
    "country": field("country", FieldType.COUNTRY, together="address"),
}
ADDRESS = ("street", "city", "state", "postcode", "country")
KNOWN = definition(*RULES.values())
WORDS = st.sampled_from(["x", "y", "z"])
NUMBERS = st.integers(0, 3)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "newest": WORDS,
    "ranked": WORDS,
    "most": NUMBERS,
    "least": NUMBERS,
    "all": st.just("none") | st.lists(WORDS, max_size=3, unique=True).map(sorted),
    "opted_out": st.booleans(),
    **dict.fromkeys(ADDRESS, WORDS),
}


MAPS = {
    (conflict, method): kind_map(*(both(name, conflict, method=method) for name in RULES))
    for conflict in (Conflict.THEIRS, Conflict.OURS)
    for method in (Method.STATED, Method.BOUGHT)
}
FIELDS = st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in VALUES.items()})
TIMES = st.integers(NOW, NOW + 2)


def said_by(system: str, one: str, fields: Any, agreed: Any, way: str, at: int, changed: Any, mapped: KindMap) -> Said:
    """Say `fields`, some of which changed `at`, when `agreed` was what both sides held."""
    record = stored(
        fields,
        system=system,
        id=one,
        first_modified=at,
        changed=changed,
        agreed={name: [value, way] for name, value in agreed.items()},
    )
    return says(record, mapped)


# Few systems, values and times, so that ties, echoes and corrections are common.
ONE = st.builds(
    said_by,
    st.sampled_from("abc"),
    st.sampled_from("123"),
    FIELDS,
    FIELDS,
    st.sampled_from("wr"),
    TIMES,
    st.dictionaries(st.sampled_from(sorted(RULES)), TIMES, max_size=2),
    st.sampled_from(list(MAPS.values())),
)
FIRST = st.builds(  # nothing was agreed with it yet
    said_by,
    st.sampled_from("abc"),
    st.just("1"),
    FIELDS,
    st.just({}),
    st.just("w"),
    TIMES,
    st.dictionaries(st.sampled_from(sorted(RULES)), TIMES, max_size=2),
    st.sampled_from([mapped for (conflict, _), mapped in MAPS.items() if conflict is Conflict.OURS]),
)
FIRSTS = st.lists(FIRST, max_size=3, unique_by=lambda one: one.record.system)
RECORDS = st.lists(ONE, max_size=4, unique_by=lambda one: (one.record.system, one.record.id))


def merged(said: list[Said]) -> tuple[dict[str, Any], Any]:
    values, provenance, _ = merge_values(KNOWN, EntityKind.LEAD, said)
    return values, provenance


def offered_by(one: Said) -> dict[str, list[Candidate]]:
    return {name: [Candidate._make(told)] for name, told in _tell(one, {}, {}).items()}


def offered(said: list[Said], name: str) -> list[Any]:
    return [one.values[name] for one in said if one.values.get(name) is not None]


@given(RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_records_makes_no_difference(said: list[Said], shuffled: Any) -> None:
    other = list(said)
    shuffled.shuffle(other)
    assert merged(other) == merged(said)


@given(RECORDS)
def test_no_value_is_invented(said: list[Said]) -> None:
    """A golden value is one that some record holds; a list holds only what some record's list does."""
    values, _ = merged(said)
    for name, value in values.items():
        if isinstance(value, list):
            assert set(value) <= {word for words in offered(said, name) for word in words}
        else:
            assert value in offered(said, name)


@given(RECORDS)
def test_a_winner_holds_what_it_is_named_for(said: list[Said]) -> None:
    values, provenance = merged(said)
    assert set(values) == set(provenance)
    held = {(one.record.system, one.record.id): one.values for one in said}
    for name, source in provenance.items():
        if name != "all":
            assert held[source[0], source[2]][name] == values[name]


@given(RECORDS)
def test_an_address_is_of_one_place(said: list[Said]) -> None:
    """The records that it comes from name one country and one postcode, and one town where they name no postcode."""
    _, provenance = merged(said)
    origins = [Origin(*provenance[name]) for name in ADDRESS if name in provenance]
    suppliers = {(origin.system, origin.id) for origin in origins}
    records = [one.values for one in said if (one.record.system, one.record.id) in suppliers]
    for name in ("country", "postcode"):
        assert len({values[name] for values in records if values.get(name) is not None}) <= 1
    for one, other in combinations(records, 2):
        if not any(values.get("postcode") for values in (one, other)):
            assert one.get("city") == other.get("city") or None in (one.get("city"), other.get("city"))


@given(RECORDS)
def test_an_address_begins_with_what_would_win_alone(said: list[Said]) -> None:
    """The best entry of all is in it, whichever field that is."""
    entries = [
        (min(told), told)
        for one in said
        if (told := [c for name, cs in offered_by(one).items() if name in ADDRESS for c in cs if not c.echo])
    ]
    if entries:
        _, best = min(entries)
        values, _ = merged(said)
        assert {c.value for c in best} <= {values[name] for name in ADDRESS if name in values}


@given(st.lists(ONE, max_size=2, unique_by=lambda one: (one.record.system, one.record.id)))
def test_an_address_that_nobody_disputes_is_taken_as_it_is(said: list[Said]) -> None:
    (where,) = KNOWN.together[EntityKind.LEAD]
    offers = _offers([_tell(one, {}, {}) for one in said], ())
    if _is_undisputed(where, offers):
        taken = {name: list(candidates) for name, candidates in offers.items()}
        _take_together(where, taken)
        assert taken == offers


@given(ONE)
def test_a_record_that_speaks_alone_is_taken_as_one_among_silent_others_is(one: Said) -> None:
    told, groups = _tell(one, {}, {}), KNOWN.together[EntityKind.LEAD]
    if all(_stands_alone(where, told) for where in groups):
        fields = KNOWN.fields[EntityKind.LEAD]
        assert list(_take_all(fields, told)) == list(_choose_each(fields, _offers([told], groups)))


@given(FIELDS, FIELDS)
def test_what_changed_is_what_differs(before: dict[str, Any], after: dict[str, Any]) -> None:
    """A field that is empty and one that is not there are alike."""
    changes = changes_between(before, after, {})
    other = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    assert [(one.field, one.old, one.new) for one in changes] == [
        (name, before.get(name), after.get(name)) for name in other
    ]


@given(RECORDS)
def test_what_won_still_wins_once_it_is_agreed_on(said: list[Said]) -> None:
    """Also where a side won because its line insists, over a value that is newer."""
    values, provenance = merged(said)
    after = [says(one.record._replace(agreed=_agreed_by(one)), one.kind_map) for one in said]
    again, _, _ = merge_values(KNOWN, EntityKind.LEAD, after, provenance, values)
    assert again == values


def _agreed_by(one: Said) -> dict[str, Any]:
    known = one.record.agreed
    told = {name: value for name, value in one.values.items() if value is not None}
    return {**known, **{name: [value, "r"] for name, value in told.items() if known.get(name, [None])[0] != value}}


def written_to(one: Said, values: dict[str, Any], provenance: Any) -> Said:
    """Write the address to the record, as a line that ours wins would have it, and read the record back."""
    mapped, record = one.kind_map, one.record
    where = KNOWN.together[EntityKind.LEAD]
    write, equal, _ = plan_update(mapped, record, values, provenance, lambda line, entity: None, where)
    agreed = {**record.agreed, **{name: [value, "r"] for name, value in equal.items()}}
    if write is None:
        return says(record._replace(agreed=agreed), mapped)
    fields = {**record.fields, **write.fields}
    agreed |= {name: [value, "w"] for name, value in write.agrees.items()}
    changed = {**record.changed, **dict.fromkeys(write.fields, NOW + 9)}
    return says(record._replace(fields=fields, agreed=agreed, changed=changed), mapped)


@given(FIRSTS)
def test_an_address_that_is_written_to_all_sides_is_the_same_when_it_is_read_back(said: list[Said]) -> None:
    """And then nothing is left to write."""
    values, provenance = merged(said)
    address = {name: value for name, value in values.items() if name in ADDRESS}
    after = [written_to(one, address, provenance) for one in said]
    values, provenance = merged(after)
    assert {name: value for name, value in values.items() if name in ADDRESS} == address
    assert [written_to(one, address, provenance).record.fields for one in after] == [one.record.fields for one in after]


@given(FIRSTS)
def test_no_side_holds_half_of_our_address_and_half_of_another(said: list[Said]) -> None:
    values, provenance = merged(said)
    address = {name: value for name, value in values.items() if name in ADDRESS}
    (where,) = KNOWN.together[EntityKind.LEAD]
    for one in said:
        was = {name: one.record.fields.get(name) for name in ADDRESS}
        now = {name: written_to(one, address, provenance).record.fields.get(name) for name in ADDRESS}
        if where.is_other(address, was) and now != was:
            assert all(value in (None, address.get(name)) for name, value in now.items())


@given(RECORDS)
def test_an_opt_out_wins_against_everything(said: list[Said]) -> None:
    assert merged(said)[0].get("opted_out", False) is (True in offered(said, "opted_out"))


@given(RECORDS)
def test_the_same_records_again_change_nothing(said: list[Said]) -> None:
    values, provenance = merged(said)
    assert changes_between(values, merged(said)[0], provenance) == ()


@given(RECORDS)
def test_carrying_the_result_over_and_reading_it_back_changes_nothing(said: list[Said]) -> None:
    """A CRM record that holds what we wrote to it, read back as the newest of all."""
    before, _ = merged(said)
    echo = stored(
        before, system="z", first_modified=NOW + 9, agreed={name: [value, "w"] for name, value in before.items()}
    )
    assert merged([*said, says(echo)])[0] == before


@given(st.sampled_from(sorted(RULES)), st.data())
def test_a_value_of_ours_does_not_outlive_its_source(name: str, data: st.DataObject) -> None:
    """Copies of a value that nobody holds any more do not keep each other alive; an opt-out stays."""
    value = data.draw(VALUES[name])
    copies = [says(stored({name: value}, id=str(n), agreed={name: [value, "w"]})) for n in range(data.draw(NUMBERS))]
    expected = {name: value} if name == "opted_out" and copies else {}
    assert merged(copies)[0] == expected


@pytest.mark.parametrize("name", [name for name in RULES if name not in ("all", "opted_out")])
def test_one_source_is_believed_whatever_the_rule(name: str) -> None:
    value = {"most": 2, "least": 2}.get(name, "x")
    assert merged([says(stored({name: value}))])[0] == {name: value}
