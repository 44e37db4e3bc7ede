"""The three-way rule as one table, and what a create holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import ALWAYS, ENTITY, NEVER, PLACE, both, came_from, kind_map, line, reads_first, stored
from support.clock import NOW, days_ago

from syncd.lead.decision import Ask, Write
from syncd.lead.definition import EntityKind
from syncd.lead.together import Together
from syncd.mapping.model import BadValue, Conflict, Create, FieldMap
from syncd.stages.deliver import plan_create, plan_update

THEIRS, OURS, NEWEST, FILL, ASK = Conflict.THEIRS, Conflict.OURS, Conflict.NEWEST, Conflict.FILL, Conflict.ASK
EVERY = frozenset(Conflict)
LATER, SOONER = days_ago(1), days_ago(9)

# (what both sides last held, what the record holds now, what we hold now) -> the policies under which ours is sent.
# "-" for a base means that they never agreed. Our value is younger than theirs.
TABLE = [
    ("-", "A", "A", set()),
    ("-", None, "A", EVERY),  # an empty field is filled
    ("-", "", "A", EVERY),
    ("-", "B", "A", {OURS, NEWEST}),  # both have one, nobody agreed to any
    ("A", "A", "A", set()),
    ("A", "A", "B", EVERY),  # we alone changed
    ("A", "B", "A", {OURS}),  # they alone changed
    ("A", "B", "B", set()),  # both changed, to the same
    ("A", "B", "C", {OURS, NEWEST}),  # both changed
    ("A", None, "A", set()),  # emptied over there: their say
    ("A", "", "A", set()),
    ("A", None, "B", EVERY),  # emptied, and we know better since
    (None, None, "A", EVERY),  # both agreed on empty, we alone changed
    (None, "B", "A", {OURS, NEWEST}),
    ("A", "A", None, set()),  # what we no longer know clears nobody's
    ("A", "B", None, set()),
    ("-", "B", None, set()),
    ("-", None, None, set()),
]


def no_translation(line: FieldMap, entity: str) -> str | None:
    return None


def plan(
    mapped: FieldMap, *, base: Any = "-", theirs: Any = None, ours: Any = None, at: int = LATER, changed: int = SOONER
) -> tuple[Write | None, dict[str, Any], list[Ask]]:
    agreed = {} if base == "-" else {mapped.name: [base, "w"]}
    record = stored({mapped.writes: theirs}, first_modified=changed, agreed=agreed)
    where = {mapped.name: came_from(at)}
    return plan_update(kind_map(mapped), record, {mapped.name: ours}, where, no_translation)


@pytest.mark.parametrize("policy", list(Conflict))
@pytest.mark.parametrize(("base", "theirs", "ours", "sent_under"), TABLE)
def test_the_three_way_table(base: Any, theirs: Any, ours: Any, sent_under: set[Conflict], policy: Conflict) -> None:
    write, _, asks = plan(both("company", policy), base=base, theirs=theirs, ours=ours)
    sent = policy in sent_under
    assert (write.fields if write else None) == ({"company": ours} if sent else None)
    assert (write.agrees if write else None) == ({"company": ours} if sent else None)
    both_changed = theirs not in (None, "") and ours is not None and len({base, theirs, ours}) == 3
    assert [ask.kind for ask in asks] == (["conflict"] if policy is ASK and both_changed else [])


@pytest.mark.parametrize(("base", "theirs", "ours", "noted"), [
    ("-", "A", "A", {"company": "A"}),
    ("A", "B", "B", {"company": "B"}),
    ("A", "A", "A", {}),
    ("-", "B", "A", {}),
    ("A", None, None, {"company": None}),
])  # fmt: skip
def test_what_both_hold_is_agreed_without_a_write(base: Any, theirs: Any, ours: Any, noted: dict[str, Any]) -> None:
    mapped = replace(both("company"), name="refusal") if ours is None else both("company")
    write, equal, _ = plan(mapped, base=base, theirs=theirs, ours=ours)
    assert write is None
    assert list(equal.values()) == list(noted.values())


@pytest.mark.parametrize("policy", list(Conflict))
@pytest.mark.parametrize("held", [["A", "w"], ["(a)", "w", 0, None, 0, "A"]])
def test_what_was_agreed_is_the_field_s_whichever_line_writes_it(held: list[Any], policy: Conflict) -> None:
    """Nobody over there changed it since, so a line that begins to write it does; its own name means nothing."""
    mapped = replace(both("company", policy), reads=("theirs",), writes="theirs", read_back=lambda one: one["theirs"])
    record = stored({"theirs": "A"}, first_modified=LATER, agreed={"theirs": held, "company": ["B", "w"]})
    write, _, _ = plan_update(
        kind_map(mapped), record, {"company": "B"}, {"company": came_from(SOONER)}, no_translation
    )
    assert write is not None
    assert (write.fields, write.agrees, write.overwrites) == ({"theirs": "B"}, {"theirs": "B"}, True)


def test_newest_keeps_theirs_when_theirs_is_the_younger_or_as_old() -> None:
    for at, changed in ((SOONER, LATER), (NOW, NOW)):
        assert plan(both("company", NEWEST), base="A", theirs="B", ours="C", at=at, changed=changed)[0] is None


def test_canonical_forms_are_compared_and_never_raw_text() -> None:
    """Their "A Co." and our "a co." are one value when they read alike; nothing is sent."""
    mapped = both("company", OURS, read_back=lambda fields: fields["company"].casefold())
    assert plan(mapped, theirs="A Co.", ours="a co.")[0] is None


@pytest.mark.parametrize("policy", list(Conflict))
@pytest.mark.parametrize("base", ["-", "a long name", "a lo"])
def test_what_the_way_there_cuts_is_no_difference(policy: Conflict, base: str) -> None:
    """A field cut to four characters over there holds what it can; writing it again would never end."""
    cut = both("company", policy, write=lambda value: value[:4], truncate=4)
    assert plan(cut, base=base, theirs="a lo", ours="a long name")[0] is None


def test_what_is_agreed_is_what_the_system_can_hold() -> None:
    """Else the cut value, read back, would pass for a correction that somebody made over there."""
    cut = both("company", write=lambda value: value[:4], truncate=4)
    write, _, _ = plan(cut, theirs=None, ours="a long name")
    assert write is not None
    assert (write.fields, write.agrees) == ({"company": "a lo"}, {"company": "a lo"})
    made, _ = plan_create(creating(cut), ENTITY, {"company": "a long name"}, no_translation)
    assert made is not None
    assert made.agrees == {"company": "a lo"}


def test_nobody_else_has_a_say_in_our_own_facts() -> None:
    fact = line("refusal", writes="missing")
    assert plan(fact, base="A", theirs="edited", ours="A")[0] is not None


@pytest.mark.parametrize("policy", list(Conflict))
@pytest.mark.parametrize("base", ["-", None, False, True])
def test_a_yes_that_holds_for_all_is_written_over_every_no(base: Any, policy: Conflict) -> None:
    """An opt-out: the no may be a checkbox that nobody ever touched, or younger than the yes, or a change of theirs."""
    opted_out = both("opted_out", policy, yes_holds=True)
    write, _, asks = plan(opted_out, base=base, theirs=False, ours=True, at=SOONER, changed=LATER)
    assert write is not None
    assert (write.fields, asks) == ({"opted_out": True}, [])
    write, _, _ = plan(opted_out, base=base, theirs=True, ours=False, at=SOONER, changed=LATER)
    assert (write is not None) is (base is True or policy is OURS)


def test_our_own_facts_may_be_emptied() -> None:
    """A refusal that is over is taken off the contact."""
    write, _, _ = plan(line("refusal", writes="missing"), base="A", theirs="A", ours=None)
    assert write is not None
    assert (write.fields, write.overwrites, write.clears) == ({"missing": None}, False, False)


@pytest.mark.parametrize(("city", "clears"), [("Salem", False), (None, True)])
def test_a_value_that_is_replaced_by_none_counts_as_cleared(city: str | None, clears: bool) -> None:
    """Of an address the parts that no longer hold are emptied with it."""
    ours = {**BERLIN, "state": "MA" if city else None}
    agreed = {name: [BOSTON[name], "w"] for name in BOSTON}
    mapped = kind_map(*(both(name, OURS) for name in PLACE_FIELDS.names))
    write, _, _ = plan_update(mapped, stored(BOSTON, agreed=agreed), ours, {}, no_translation, [PLACE_FIELDS])
    assert write is not None
    assert write.clears is clears


def test_only_what_differs_is_sent() -> None:
    mapped = kind_map(both("company"), both("phone"))
    values = {"company": "A", "phone": "+2"}
    record = stored({"company": "A", "phone": "+1"}, agreed={"phone": ["+1", "w"]})
    write, equal, _ = plan_update(mapped, record, values, {}, no_translation)
    assert write == Write(
        system="crm",
        kind="Lead",
        record_id="1",
        fields={"phone": "+2"},
        agrees={"phone": "+2"},
        was={"phone": "+1"},
        modified=record.modified,
    )
    assert equal == {"company": "A"}


def test_filling_what_is_empty_over_there_overwrites_nothing() -> None:
    """The brake on overwrites counts only the loss of a value."""
    write, _, _ = plan(both("company"), theirs=None, ours="A")
    assert write is not None
    assert not write.overwrites


def test_a_field_that_was_not_read_over_there_is_not_written() -> None:
    record = stored({})
    assert plan_update(kind_map(both("company", OURS)), record, {"company": "A"}, {}, no_translation) == (None, {}, [])


def test_a_field_that_is_not_decided_is_left_alone() -> None:
    assert plan_update(kind_map(both("company")), stored({"company": "B"}), {}, {}, no_translation) == (None, {}, [])


def test_a_value_that_does_not_fit_is_asked_about_and_not_written() -> None:
    """The other fields go on; the question names field and reason, never the value."""
    unfit = both("company", write=lambda _: BadValue("not one of the 3 choices"))
    record = stored({"company": None, "phone": None})
    values = {"company": "Secret Co", "phone": "+1"}
    write, _, asks = plan_update(kind_map(unfit, both("phone")), record, values, {}, no_translation)
    assert write is not None
    assert write.fields == {"phone": "+1"}
    assert [(ask.kind, ask.message) for ask in asks] == [
        (
            "value does not fit",
            f"{PLACE}: company cannot be written to Lead.company: not one of the 3 choices; "
            f"the record stays as it is until the value or the mapping line is mended",
        )
    ]


def test_a_conflict_that_must_be_asked_about_names_record_and_field_and_no_value() -> None:
    _, _, asks = plan(both("company", ASK), base="A", theirs="Bx", ours="Cx")
    assert asks == [
        Ask(
            kind="conflict",
            system="crm",
            record="Lead 1",
            message=f"{PLACE}: company was changed on both sides and the mapping says `conflict: ask`; "
            f"both keep their value until one side is edited",
        )
    ]


def test_an_unreadable_value_over_there_counts_as_their_value() -> None:
    """It is not empty, so `fill` does not overwrite it; `ours` does."""
    assert plan(both("company", FILL), theirs="bad one", ours="A")[0] is None
    assert plan(both("company", OURS), theirs="bad one", ours="A")[0] is not None


def pointing() -> FieldMap:
    return both("account", OURS, refers_to=(EntityKind.ACCOUNT, "Account"))


def test_a_reference_is_written_as_the_id_over_there() -> None:
    record = stored({"account": None})
    write, _, _ = plan_update(
        kind_map(pointing()), record, {"account": ENTITY}, {}, lambda _, one: {ENTITY: "001"}.get(one)
    )
    assert write is not None
    assert (write.fields, write.agrees) == ({"account": "001"}, {"account": "001"})


def test_a_reference_whose_target_is_not_over_there_is_left_out() -> None:
    record = stored({"account": None, "phone": None})
    values = {"account": ENTITY, "phone": "+1"}
    write, _, asks = plan_update(kind_map(pointing(), both("phone")), record, values, {}, no_translation)
    assert write is not None
    assert (write.fields, asks) == ({"phone": "+1"}, [])


def creating(*lines: FieldMap, **other: Any) -> Any:
    return kind_map(*lines, **{"create": Create.ALLOWED, "key": "Key__c", **other})


def test_a_create_holds_every_known_field_and_our_key() -> None:
    mapped = creating(both("company"), both("phone"), both("email"), line("last_name", reads="last_name"))
    write, asks = plan_create(
        mapped, ENTITY, {"company": "A", "phone": None, "last_name": "B", "email": "a@b.example"}, no_translation
    )
    assert asks == []
    assert write == Write(
        system="crm",
        kind="Lead",
        record_id=None,
        fields={"company": "A", "email": "a@b.example"},
        agrees={"company": "A", "email": "a@b.example"},
        key=("Key__c", ENTITY),
    )


@pytest.mark.parametrize("other", [
    {"create": Create.NEVER},
    {"key": None},
    {"create_when": NEVER},
])  # fmt: skip
def test_nothing_is_created_unless_the_mapping_allows_it(other: dict[str, Any]) -> None:
    assert plan_create(creating(both("company"), **other), ENTITY, {"company": "A"}, no_translation) == (None, [])


def test_a_create_whose_condition_is_met_is_planned() -> None:
    mapped = creating(both("company"), create_when=ALWAYS)
    assert plan_create(mapped, ENTITY, {"company": "A"}, no_translation)[0] is not None


def test_the_key_field_is_not_repeated_among_the_fields() -> None:
    mapped = creating(both("company"), line("key", writes="Key__c"))
    write, _ = plan_create(mapped, ENTITY, {"company": "A", "key": ENTITY}, no_translation)
    assert write is not None
    assert write.fields == {"company": "A"}


def test_nothing_is_created_while_a_value_does_not_fit() -> None:
    unfit = both("company", write=lambda _: BadValue("too long"))
    write, asks = plan_create(creating(unfit, both("phone")), ENTITY, {"company": "A", "phone": "+1"}, no_translation)
    assert write is None
    assert [ask.kind for ask in asks] == ["value does not fit"]


def test_a_create_leaves_out_a_reference_that_is_not_over_there() -> None:
    write, _ = plan_create(creating(pointing(), both("phone")), ENTITY, {"account": "x", "phone": "+1"}, no_translation)
    assert write is not None
    assert write.fields == {"phone": "+1"}


def test_a_write_back_field_is_read_where_it_is_written() -> None:
    """Phone is read from two fields and written to the second: the second is what is compared."""
    mapped = line("phone", reads=("mobile", "phone"), writes="phone", read_back=reads_first("phone"), conflict=FILL)
    record = stored({"mobile": "+1", "phone": None})
    write, _, _ = plan_update(kind_map(mapped), record, {"phone": "+1"}, {}, no_translation)
    assert write is not None
    assert write.fields == {"phone": "+1"}


# --- an address is one thing

PLACE_FIELDS = Together(names=("street", "city", "state", "country"), states=("state",), cities=("city",),
                        countries=("country",))  # fmt: skip
BERLIN = {"street": "Hauptstr. 5", "city": "Berlin", "country": "DE"}
BOSTON = {"street": "1 Main St", "city": "Boston", "state": "MA", "country": "US"}


def sent(held: dict[str, Any], ours: dict[str, Any], by_us: tuple[str, ...], conflict: Conflict = OURS) -> Any:
    agreed = {name: [held[name], "w" if name in by_us else "r"] for name in held}
    mapped = kind_map(*(both(name, conflict) for name in PLACE_FIELDS.names))
    write, _, _ = plan_update(mapped, stored(held, agreed=agreed), ours, {}, no_translation, [PLACE_FIELDS])
    return None if write is None else (write.fields, write.overwrites)


def test_what_we_wrote_of_the_address_that_was_goes_with_it() -> None:
    """Else a rep reads Berlin, MA."""
    assert sent(BOSTON, BERLIN, tuple(BOSTON)) == ({**BERLIN, "state": None}, True)
    assert sent({**BOSTON, "state": None}, BERLIN, tuple(BOSTON)) == (BERLIN, True)


def test_an_address_of_which_somebody_else_wrote_what_we_lack_stays_whole() -> None:
    assert sent(BOSTON, BERLIN, ("street", "city", "country")) is None
    assert sent({**BOSTON, "city": "Salem"}, BERLIN, ("street", "state", "country"), THEIRS) is None


def test_what_only_became_blank_here_clears_nothing_over_there() -> None:
    """The same place, or one of which we do not know any more where it is."""
    assert sent(BOSTON, {"street": "2 Oak St", "city": "Boston", "country": "US"}, tuple(BOSTON)) == (
        {"street": "2 Oak St"},
        True,
    )
    assert sent({"street": None, "city": "Berlin", "state": "MA"}, {"city": "BERLIN"}, ("city", "state")) == (
        {"city": "BERLIN"},
        True,
    )
    assert sent(BOSTON, {"country": "US"}, tuple(BOSTON)) is None
    assert sent(BOSTON, {}, tuple(BOSTON)) is None
