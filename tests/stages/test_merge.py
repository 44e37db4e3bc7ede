"""Golden values: who wins, under which rule, and where the winner came from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import both, definition, field, kind_map, line, says, stored
from support.clock import NOW, days_ago

from syncd.lead.decision import Change, Origin
from syncd.lead.definition import Definition, EntityKind, FieldType, Merge
from syncd.mapping.model import Conflict, Method
from syncd.stages.merge import Said, changes_between, merge_values, sales_facts

LATE, EARLY = days_ago(1), days_ago(9)


def golden(*said: Said, known: Definition | None = None) -> dict[str, Any]:
    return merge_values(known or definition(), EntityKind.LEAD, said)[0]


def one(system: str, at: int, **fields: Any) -> Said:
    return says(stored(fields, system=system, first_modified=at, modified=at))


def by_method(method: Method, at: int, company: str) -> Said:
    mapped = kind_map(line("company", reads="company", method=method), system=method.value)
    return says(stored({"company": company}, system=method.value, first_modified=at), mapped)


def merged_by(rule: Merge, *said: Said, name: str = "employees", **other: Any) -> Any:
    known = definition(field(name, FieldType.INTEGER, merge=rule, **other))
    return golden(*said, known=known).get(name)


def test_the_newest_value_wins() -> None:
    assert golden(one("a", EARLY, company="Old"), one("b", LATE, company="New")) == {"company": "New"}


def test_newest_means_the_field_and_not_the_record() -> None:
    """A record touched yesterday for its phone does not make its nine days old company the newest."""
    moved = stored({"company": "A", "phone": "+1"}, system="a", first_modified=EARLY, changed={"phone": LATE})
    assert golden(says(moved), one("b", days_ago(3), company="B", phone="+2")) == {"company": "B", "phone": "+1"}


def corrected(conflict: Conflict, agreed: str, now: str, at: int) -> Said:
    """A record over there that says `now`, entered `at`, where both sides had agreed on `agreed`."""
    record = stored({"company": now}, first_modified=at, changed={"company": at}, agreed={"company": [agreed, "r"]})
    return says(record, kind_map(both("company", conflict)))


@pytest.mark.parametrize("conflict", list(Conflict))
@pytest.mark.parametrize("behind", [0, 1, 999, 60_000])
def test_who_changes_what_both_held_knew_it_however_late_their_clock_is(conflict: Conflict, behind: int) -> None:
    """Salesforce tells whole seconds: a correction may bear an earlier time than the value that it corrects."""
    told = one("hubspot", LATE, company="Told")
    values, before, _ = merge_values(definition(), EntityKind.LEAD, [told])
    for agreed in ("Told", "Corrected", "Corrected"):
        said = [told, corrected(conflict, agreed, "Corrected", LATE - behind)]
        values, before, _ = merge_values(definition(), EntityKind.LEAD, said, before, values)
        assert values == {"company": "Corrected"}
    newer = one("hubspot", LATE + 1_000, company="Newer")
    values, _, _ = merge_values(definition(), EntityKind.LEAD, [newer, said[1]], before, values)
    assert values == {"company": "Newer"}


@pytest.mark.parametrize(("later", "stays"), [(0, True), (998, True), (1_000, False)])
def test_of_two_corrections_in_one_second_the_one_told_in_whole_seconds_stays(later: int, stays: bool) -> None:
    second = LATE - LATE % 1_000
    said = [one("hubspot", second + later, company="Theirs"), corrected(Conflict.NEWEST, "Told", "Corrected", second)]
    assert golden(*said) == {"company": "Corrected" if stays else "Theirs"}


def test_a_change_of_what_is_no_longer_held_is_as_old_as_it_says() -> None:
    """Both sides changed it: a correction of what was agreed is none of what marketing has said since."""
    said = [one("hubspot", LATE, company="Newer"), corrected(Conflict.NEWEST, "Told", "Corrected", EARLY)]
    values, before, _ = merge_values(definition(), EntityKind.LEAD, said[:1])
    assert merge_values(definition(), EntityKind.LEAD, said, before, values)[0] == {"company": "Newer"}


def test_what_a_person_stated_outranks_newer_bought_data() -> None:
    stated, bought = by_method(Method.STATED, EARLY, "Said"), by_method(Method.BOUGHT, LATE, "Sold")
    assert golden(stated, bought) == {"company": "Said"}


@pytest.mark.parametrize(("more", "less"), list(zip(list(Method), list(Method)[1:], strict=False)))
def test_each_method_outranks_the_next(more: Method, less: Method) -> None:
    assert golden(by_method(less, LATE, "less"), by_method(more, EARLY, "more")) == {"company": "more"}


@pytest.mark.parametrize(("rule", "best"), [(Merge.MAX, 50), (Merge.MIN, 20)])
def test_the_largest_and_the_smallest_are_of_what_was_told_and_no_answer_is_none(rule: Merge, best: int) -> None:
    """An answer that there is none stands only where nobody told of any."""
    said = [one("a", EARLY, employees=20), one("b", LATE, employees="none yet"), one("c", LATE, employees=50)]
    assert merged_by(rule, *said, or_none="none yet") == best
    assert merged_by(rule, said[1], or_none="none yet") == "none yet"


def test_an_empty_value_never_beats_a_filled_one() -> None:
    assert golden(one("a", EARLY, company="A"), one("b", LATE, company=None)) == {"company": "A"}


def test_rank_takes_the_first_system_that_has_a_value() -> None:
    rank = {"ranks": ("erp", "crm")}
    assert merged_by(Merge.RANK, one("crm", LATE, employees=2), one("erp", EARLY, employees=1), **rank) == 1
    assert merged_by(Merge.RANK, one("crm", LATE, employees=2), one("erp", EARLY, employees=None), **rank) == 2


def test_a_system_that_is_not_ranked_comes_after_all_that_are() -> None:
    said = (one("new", LATE, employees=3), one("crm", EARLY, employees=2))
    assert merged_by(Merge.RANK, *said, ranks=("erp", "crm")) == 2


@pytest.mark.parametrize(("rule", "expected"), [(Merge.MAX, 9), (Merge.MIN, 2)])
def test_max_and_min_take_the_extreme_and_name_its_source(rule: Merge, expected: int) -> None:
    known = definition(field("employees", FieldType.INTEGER, merge=rule))
    said = [one("a", LATE, employees=5), one("b", EARLY, employees=9), one("c", EARLY, employees=2)]
    values, provenance, _ = merge_values(known, EntityKind.LEAD, said)
    assert values == {"employees": expected}
    assert provenance["employees"][0] == {9: "b", 2: "c"}[expected]


def test_a_union_holds_everything_anyone_said_once() -> None:
    """In the canonical order of lists, so that a system that sorts them back holds the same value."""
    said = (one("a", LATE, tags=["x", "z"]), one("b", EARLY, tags=["x", "y"]))
    assert merged_by(Merge.UNION, *said, name="tags") == ["x", "y", "z"]


def test_in_a_union_nobody_is_silenced_by_the_answer_that_there_is_none() -> None:
    """`none considered` beside a named rival is not one more rival; said by all, it stays the answer it is."""
    answers = (one("a", LATE, tags="none considered"), one("b", EARLY, tags="none considered"))
    assert merged_by(Merge.UNION, *answers, name="tags") == "none considered"
    assert merged_by(Merge.UNION, *answers, one("c", EARLY, tags=["x"]), name="tags") == ["x"]


@pytest.mark.parametrize("method", list(Method))
def test_an_opt_out_wins_whoever_heard_it(method: Method) -> None:
    """Against a newer opt-in that a person stated, too."""
    known = definition(field("opted_out", FieldType.BOOLEAN, merge=Merge.ANY))
    no = says(
        stored({"opted_out": True}, system="a", first_modified=EARLY),
        kind_map(line("opted_out", reads="opted_out", method=method), system="a"),
    )
    assert golden(no, one("b", LATE, opted_out=False), known=known) == {"opted_out": True}


def test_an_opt_out_that_we_carried_over_stays_when_its_source_is_gone() -> None:
    """An echo says nothing new, but for an opt-out it is enough."""
    known = definition(field("opted_out", FieldType.BOOLEAN, merge=Merge.ANY))
    echo = says(stored({"opted_out": True}, agreed={"opted_out": [True, "w"]}))
    assert golden(echo, one("b", LATE, opted_out=False), known=known) == {"opted_out": True}


def test_our_own_write_read_back_is_no_news() -> None:
    """The CRM holds what we wrote yesterday; marketing's older value is still the source of it."""
    echo = says(stored({"company": "A"}, first_modified=NOW, agreed={"company": ["A", "w"]}))
    assert golden(echo, one("hub", EARLY, company="B")) == {"company": "B"}


def test_our_own_write_does_not_survive_alone() -> None:
    """When the source of a value is gone, its copy does not keep it alive."""
    assert golden(says(stored({"company": "A"}, agreed={"company": ["A", "w"]}))) == {}
    twice = [says(stored({"company": "A"}, id=str(n), agreed={"company": ["A", "w"]})) for n in (1, 2)]
    assert golden(*twice) == {}


def test_what_is_read_from_one_field_and_written_to_another_is_no_echo() -> None:
    """That we wrote the same elsewhere takes nobody's word away."""
    elsewhere = kind_map(line("company", reads="company", writes="copy"))
    assert golden(says(stored({"company": "A"}, agreed={"copy": ["A", "w"]}), elsewhere)) == {"company": "A"}


@pytest.mark.parametrize("writes", ["other", None])
def test_our_own_write_is_known_in_whichever_of_the_fields_a_line_reads(writes: str | None) -> None:
    """Also while the line may not write, and once it does so no more."""
    several = line("company", reads="company", writes=writes)
    mapped = kind_map(replace(several, reads=("company", "other")))
    record = stored({"company": "A", "other": "A"}, agreed={"other": ["A", "w"]})
    assert golden(says(record, mapped)) == {}


def test_a_value_that_was_only_read_is_no_echo() -> None:
    assert golden(says(stored({"company": "A"}, agreed={"company": ["A", "r"]}))) == {"company": "A"}


def test_a_correction_over_there_insists_against_newer_data() -> None:
    """Sales changed what both sides had agreed on; with `conflict: theirs` that beats marketing's later edit."""
    corrected = says(stored({"company": "Right"}, first_modified=EARLY, agreed={"company": ["Wrong", "w"]}))
    assert golden(corrected, one("hub", LATE, company="Other")) == {"company": "Right"}


@pytest.mark.parametrize("conflict", [one for one in Conflict if one is not Conflict.THEIRS])
def test_only_theirs_insists(conflict: Conflict) -> None:
    record = stored({"company": "Right"}, first_modified=EARLY, agreed={"company": ["Wrong", "w"]})
    corrected = says(record, kind_map(both("company", conflict)))
    assert golden(corrected, one("hub", LATE, company="Other")) == {"company": "Other"}


def test_what_was_never_agreed_does_not_insist() -> None:
    assert golden(says(stored({"company": "A"}, first_modified=EARLY)), one("hub", LATE, company="B")) == {
        "company": "B"
    }


def test_a_field_that_is_only_read_does_not_insist() -> None:
    record = stored({"company": "Right"}, first_modified=EARLY, agreed={"company": ["Wrong", "r"]})
    corrected = says(record, kind_map(line("company", reads="company")))
    assert golden(corrected, one("hub", LATE, company="Other")) == {"company": "Other"}


def test_ties_are_broken_by_system_kind_and_id() -> None:
    said = [one(system, NOW, company=system) for system in ("c", "a", "b")]
    twins = [says(stored({"phone": record}, id=record)) for record in ("9", "10", "7")]
    assert golden(*said, *twins) == {"company": "a", "phone": "10"}


def test_provenance_names_record_rule_method_and_time() -> None:
    _, provenance, _ = merge_values(definition(), EntityKind.LEAD, [by_method(Method.INFERRED, EARLY, "A")])
    assert provenance == {"company": ["inferred", "Lead", "1", EARLY, "company of the test", 2, False]}


def test_an_unreadable_value_is_told_only_when_nobody_else_filled_the_field() -> None:
    said = [one("a", LATE, company="bad", phone="bad"), one("b", EARLY, company="B")]
    values, _, bad = merge_values(definition(), EntityKind.LEAD, said)
    assert (values, bad) == ({"company": "B"}, {"phone": "not a value"})


def test_what_the_definition_does_not_know_is_left_out() -> None:
    assert golden(one("a", LATE, company="A", shoe_size=46)) == {"company": "A"}


def test_the_latest_decision_of_sales_counts_with_its_own_reason_and_time() -> None:
    names = ("sales_decision", "sales_reason", "sales_stage")
    mapped = kind_map(*(line(name, reads=name) for name in names))
    accepted = {"sales_decision": "accepted", "sales_reason": "x", "sales_stage": "sql"}
    old = says(stored(accepted, first_modified=EARLY), mapped)
    new = says(stored({"sales_decision": "rejected", "sales_reason": None}, id="2", first_modified=LATE), mapped)
    expected = ({"sales_decision": "rejected", "sales_stage": "sql"}, LATE)
    assert sales_facts([old, new], dict.fromkeys(names)) == expected
    assert sales_facts([new, old], dict.fromkeys(names)) == expected
    assert sales_facts([], dict.fromkeys(names)) == ({}, 0)


def test_changes_name_the_source_of_the_new_value_and_say_when_nobody_says_it_any_more() -> None:
    provenance = {"company": [*Origin("crm", "Lead", "7", EARLY, "company: {from: Company}", 0)]}
    assert changes_between({"company": "A", "phone": "+1", "x": 1}, {"company": "B", "x": 1}, provenance) == (
        Change(field="company", old="A", new="B", source="crm Lead 7", rule="company: {from: Company}"),
        Change(field="phone", old="+1", new=None, source="nobody says so any more", rule=""),
    )


# --- fields that are taken together

PARTS = {"country": FieldType.COUNTRY, "state": FieldType.STATE, "postcode": FieldType.POSTCODE}
ADDRESS = definition(*(field(name, PARTS.get(name, FieldType.TEXT), together="address")
                       for name in ("street", "city", "state", "postcode", "country")))  # fmt: skip
BOSTON = {"street": "1 Main St", "city": "Boston", "state": "MA", "postcode": "02134", "country": "US"}


def address(*said: Said) -> dict[str, Any]:
    found, turned = golden(*said, known=ADDRESS), golden(*said[::-1], known=ADDRESS)
    assert found == turned
    return found


def test_a_street_in_germany_gets_no_state_of_boston() -> None:
    """The blanks of the address that wins stay blank where the other is of another place."""
    berlin = {"street": "Hauptstr. 5", "postcode": "10115", "country": "DE"}
    assert address(one("a", EARLY, **BOSTON), one("b", LATE, **berlin)) == berlin


@pytest.mark.parametrize(
    ("told", "filled"),
    [
        ({"street": "2 Oak St", "postcode": "02134"}, ("city", "state", "country")),
        ({"street": "2 Oak St", "postcode": "02134-1234", "country": "US"}, ("city", "state")),
        ({"street": "2 Oak St", "city": "BOSTON", "country": "US"}, ("state", "postcode")),
        ({"country": "US"}, ("street", "city", "state", "postcode")),
        ({"street": "1 Main St", "state": "MA"}, ("city", "postcode", "country")),
        ({"street": "2 Oak St"}, ()),
        ({"street": "2 Oak St", "country": "US"}, ()),
        ({"city": "Boston", "state": "GA"}, ()),
        ({"city": "Boston", "postcode": "02135"}, ()),
        ({"postcode": "02134", "country": "DE"}, ()),
        ({"country": "DE"}, ()),
    ],
)
def test_a_blank_is_filled_from_a_record_of_the_same_place_only(told: dict[str, str], filled: tuple[str, ...]) -> None:
    """Of one postcode or town in one country, or that tells all there is itself."""
    expected = {**told, **{name: BOSTON[name] for name in filled}}
    assert address(one("a", EARLY, **BOSTON), one("b", LATE, **told)) == expected


def test_what_fills_a_blank_must_fit_what_was_filled_before() -> None:
    """Both others are in the country that wins, and not in one town."""
    chicago = {"street": "9 Lake St", "city": "Chicago", "country": "US"}
    assert address(one("a", days_ago(2), **chicago), one("b", EARLY, **BOSTON), one("c", LATE, country="US")) == chicago


def test_a_persons_address_outranks_a_newer_one_that_was_bought_whole() -> None:
    lines = [line(name, reads=name, method=Method.BOUGHT) for name in BOSTON]
    record = stored({**BOSTON, "city": "Salem"}, system="sold", first_modified=LATE)
    assert address(one("a", EARLY, **BOSTON), says(record, kind_map(*lines, system="sold"))) == BOSTON


def test_an_address_is_that_of_the_first_system_where_systems_are_ranked() -> None:
    ranked = definition(*(replace(each, merge=Merge.RANK, ranks=("b", "a")) for each in
                          ADDRESS.fields[EntityKind.LEAD].values() if each.together))  # fmt: skip
    said = (one("a", LATE, **BOSTON), one("b", EARLY, city="Ulm", country="DE"))
    assert golden(*said, known=ranked) == {"city": "Ulm", "country": "DE"}


def test_a_street_that_a_rep_corrects_keeps_the_rest_of_the_address_that_we_wrote_there() -> None:
    """What we wrote says nothing new, and says which place the correction is of."""
    agreed = {name: [value, "w"] for name, value in BOSTON.items()}
    record = stored({**BOSTON, "street": "2 Oak St"}, first_modified=EARLY, changed={"street": LATE}, agreed=agreed)
    assert address(one("a", EARLY, **BOSTON), says(record)) == {**BOSTON, "street": "2 Oak St"}


def test_what_we_wrote_beside_a_record_s_own_street_later_does_not_make_it_of_that_place() -> None:
    agreed = {"postcode": ["02134", "w"]}
    fields = {"street": "2 Oak St", "postcode": "02134"}
    record = stored(fields, system="b", first_modified=EARLY, changed={"postcode": LATE}, agreed=agreed)
    assert address(one("a", days_ago(5), postcode="02134"), says(record)) == {"postcode": "02134"}
