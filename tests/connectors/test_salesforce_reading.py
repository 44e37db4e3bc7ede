"""What reading from Salesforce promises, shown on the sandbox over real HTTP: nothing skipped, few calls."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from salesforce_sandbox import APP, KINDS, one_of, people, sandbox
from salesforce_wire import Stored

from connectors.contract import FieldType, FieldWanted, Reading
from connectors.errors import ConfigProblem


def everything(org, kind: str = "Lead") -> set[str]:
    return {row["Id"] for row in org.all(kind)}


# --- the first load and paging ---------------------------------------------------------------------------------------


def test_rows_that_share_a_second_are_all_read() -> None:
    """5,000 rows with one stamp and page borders inside: three calls, none lost, none twice."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(5000))
        came = box.poll()["Lead"]
        assert sorted(came) == sorted(ids)
        assert box.calls() == 3


def test_a_page_that_salesforce_cuts_short_is_not_the_last() -> None:
    """Rows with long texts come 500 at a time, whatever was asked for."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(1200, Description="x"))
        assert sorted(box.poll(fields=["Description"])["Lead"]) == sorted(ids)


def test_a_first_load_goes_on_where_it_was_stopped() -> None:
    """A process that dies after the first page reads the others, and not the first again."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(4500))
        first = next(box.sf.changes([Reading(kind="Lead", fields=(), after=None)], box.store))
        box.store.take(first)
        box.sf = box.connect()
        rest = box.poll()["Lead"]
        assert len(rest) == 2500
        assert {record.id for record in first.records} | set(rest) == set(ids)


def test_several_objects_share_the_calls_of_a_first_load() -> None:
    """Four objects with two pages each take the calls of one."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)] * 2500)
        came = box.poll(KINDS)
        assert {kind: len(ids) for kind, ids in came.items()} == dict.fromkeys(KINDS, 2500)
        assert box.calls() == 2


def test_rows_edited_while_pages_are_read_are_not_lost() -> None:
    """An edit moves a row to the end of the order: every row's last version must arrive."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(4200), modified=box.clock() - 100)
        edited = ids[1990:2010] + ids[3990:4010]
        for page in box.sf.changes([Reading(kind="Lead", fields=("Company",), after=None)], box.store):
            box.store.take(page)
            if len(box.store.records["Lead"]) == 2000:
                for id in edited:
                    box.org.edit("Lead", id, {"Company": "Edited"})
        box.poll(fields=("Company",))
        kept = box.store.records["Lead"]
        assert set(kept) == set(ids)
        assert {kept[id].fields["Company"] for id in edited} == {"Edited"}


def test_one_edit_per_page_loses_nothing() -> None:
    """The case in which offset paging loses a row per edit."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3000, Description="x"), modified=box.clock() - 100)
        for number, page in enumerate(
            box.sf.changes([Reading(kind="Lead", fields=("Description",), after=None)], box.store)
        ):
            box.store.take(page)
            if number < 5:
                box.org.edit("Lead", ids[number], {"Description": "y"})
        box.poll(fields=("Description",))
        assert {id for id, record in box.store.records["Lead"].items() if record.fields["Description"] == "y"} == set(
            ids[:5]
        )
        assert set(box.store.records["Lead"]) == set(ids)


# --- polling ---------------------------------------------------------------------------------------------------------


def test_an_idle_poll_of_four_objects_is_one_call_and_no_page() -> None:
    """Polling goes on day and night: what costs nothing may be frequent."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)] * 3)
        box.poll(KINDS)
        for _ in range(5):
            calls = box.calls()
            assert box.poll(KINDS) == {}
            assert box.calls() == calls + 1


def test_an_org_without_rows_is_one_call() -> None:
    """No cursor yet, and nothing to count."""
    with sandbox() as box:
        assert box.poll(KINDS) == {}
        assert box.calls() == 1


def test_a_change_is_read_once() -> None:
    """The poll after it is silent again."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3), modified=box.clock() - 50)
        box.poll()
        box.org.edit("Lead", ids[1], {"Company": "New"})
        assert box.poll() == {"Lead": [ids[1]]}
        assert box.poll() == {}


@pytest.mark.parametrize("late", KINDS)
def test_a_late_commit_is_found_within_as_many_polls_as_there_are_objects(late: str) -> None:
    """A transaction of ten minutes commits rows with stamps behind the cursor."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)])
        box.poll(KINDS)
        id = box.org.late_commit(late, one_of(late), age=600)
        came = [box.poll(KINDS) for _ in KINDS]
        assert [found[late] for found in came if late in found] != []
        assert id in {i for found in came for i in found.get(late, ())}


def test_two_objects_find_a_late_commit_in_the_next_poll() -> None:
    """Both counts fit into the call."""
    with sandbox() as box:
        box.org.seed("Lead", people(2))
        box.org.seed("Contact", [one_of("Contact")])
        box.poll(("Lead", "Contact"))
        late = [box.org.late_commit(kind, one_of(kind), age=300) for kind in ("Lead", "Contact")]
        came = box.poll(("Lead", "Contact"))
        assert late[0] in came["Lead"]
        assert late[1] in came["Contact"]
        assert box.poll(("Lead", "Contact")) == {}


@pytest.mark.parametrize("age", [5000, 400])
def test_a_late_commit_of_an_edit_is_found(age: int) -> None:
    """The row was known, outside the window or within it, where an edit moves no count."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(5), modified=box.clock() - age)
        box.org.seed("Lead", people(1))
        box.poll(fields=("Company",))
        box.org.late_commit("Lead", {"Company": "Late"}, age=100, id=ids[2])
        box.poll(fields=("Company",))
        assert box.store.records["Lead"][ids[2]].fields["Company"] == "Late"


def test_a_late_commit_is_found_however_rarely_polls_come() -> None:
    """Polls an hour apart, and the object's turn is not the first: the window reaches back to its last turn."""
    with sandbox() as box:
        for kind in KINDS:
            box.org.seed(kind, [one_of(kind)])
        box.poll(KINDS)
        late = {kind: box.org.late_commit(kind, one_of(kind), age=60) for kind in KINDS}
        for _ in KINDS:
            box.clock.forward(3000)
            for kind in KINDS:
                box.org.seed(kind, [one_of(kind)])
            box.poll(KINDS)
        assert all(late[kind] in box.store.records[kind] for kind in KINDS)


def test_a_late_commit_beside_new_rows_is_found() -> None:
    """The counts are compared after the new rows were stored, so neither hides the other."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(10), modified=box.clock() - 20)
        box.poll()
        late = box.org.late_commit("Lead", one_of("Lead"), age=200)
        for id in ids[:4]:
            box.org.edit("Lead", id, {"Company": "New"})
        assert late in box.poll()["Lead"]
        assert box.poll() == {}


def test_a_row_of_the_same_second_with_a_smaller_id_is_found() -> None:
    """Ids do not grow with time across an org's pods, so the tie-break alone may pass such a row by."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3), modified=box.clock() - 500)
        box.org.edit("Lead", ids[2], {"Company": "A"})
        box.poll()
        box.org.edit("Lead", ids[0], {"Company": "B"})
        came = box.poll()
        assert ids[0] in came["Lead"]
        assert box.poll() == {}


def test_a_running_second_is_read_again_and_then_rests() -> None:
    """With the org's clock at now the cursor holds back; once the second is over, one more page, then silence."""
    with sandbox(clock=time.time) as box:
        box.org.seed("Lead", people(2), modified=time.time() - 100)
        fresh = box.org.seed("Lead", people(1))
        box.poll()
        stamp = datetime.fromisoformat(box.store.cursors["Lead"]["stamp"])
        assert stamp < datetime.now(UTC).replace(microsecond=0)
        assert box.poll() == {"Lead": fresh}
        deadline = time.time() + 8
        while box.poll() and time.time() < deadline:
            time.sleep(0.3)
        assert box.poll() == {}


def test_purged_rows_cost_one_look_and_hide_no_late_row() -> None:
    """The store still counts a row that is gone for good; that difference is remembered, a new one is not.

    The late row bears the second of the purged one, so that the bare counts agree.
    """
    with sandbox() as box:
        ids = box.org.seed("Lead", people(5), modified=box.clock() - 100)
        box.org.seed("Lead", people(1))
        box.poll()
        box.org.purge("Lead", ids[0])
        box.poll()
        calls = box.calls()
        assert box.poll() == {}
        assert box.calls() == calls + 1
        late = box.org.late_commit("Lead", one_of("Lead"), age=100)
        assert late in box.poll()["Lead"]
        assert box.poll() == {}


def test_a_window_too_large_for_a_page_still_costs_one_call() -> None:
    """5,000 rows in the window: idle polls count them, and a late row is found by the count."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(5000))
        box.poll()
        box.org.purge("Lead", ids[0])
        box.poll()
        calls = box.calls()
        assert box.poll() == {}
        assert box.calls() == calls + 1
        late = box.org.late_commit("Lead", one_of("Lead"), age=30)
        assert late in box.poll()["Lead"]
        assert box.poll() == {}


def test_an_edit_that_stays_within_a_large_window_is_found_when_the_list_is_due() -> None:
    """Such an edit moves no count; the window of many rows is listed once in an overlap."""
    with sandbox() as box:
        box.sf = box.connect(overlap=1)
        ids = box.org.seed("Lead", people(2500), modified=box.clock() - 1)
        (last,) = box.org.seed("Lead", people(1))
        box.poll(fields=("Company",))
        box.poll(fields=("Company",))
        box.org.late_commit("Lead", {"Company": "Late"}, age=0, id=min(ids))
        box.org.edit("Lead", last, {"Company": "Moves the cursor"})
        time.sleep(1.1)
        box.poll(fields=("Company",))
        box.poll(fields=("Company",))
        assert box.store.records["Lead"][min(ids)].fields["Company"] == "Late"


def test_a_window_closes_when_no_transaction_can_be_open() -> None:
    """Once an overlap has passed with the cursor at rest, idle polls ask nothing but what is new."""
    with sandbox() as box:
        box.sf = box.connect(overlap=1)
        box.org.seed("Lead", people(2))
        for wait in (0, 0, 1.1, 0):
            time.sleep(wait)
            box.poll()
        before = [part["url"] for part in box.parts()]
        box.poll()
        (after,) = [part["url"] for part in box.parts()][len(before) :]
        assert "SystemModstamp%20%3E%20" in after


def test_processes_that_poll_once_hand_on_how_far_they_checked() -> None:
    """Without that each would look back over all that its predecessors read."""
    with sandbox() as box:
        for _ in range(6):
            box.sf = box.connect()
            box.org.seed("Lead", people(1))
            box.poll()
            box.clock.forward(3000)
        cursor = {name: datetime.fromisoformat(box.store.cursors["Lead"][name]) for name in ("stamp", "checked")}
        assert (cursor["stamp"] - cursor["checked"]).total_seconds() <= 3000


def test_a_fresh_process_looks_back_too() -> None:
    """What was committed late while syncd was down is behind the stored cursor."""
    with sandbox() as box:
        box.org.seed("Lead", people(5))
        box.poll()
        late = box.org.late_commit("Lead", one_of("Lead"), age=30)
        box.clock.forward(7200)
        box.sf = box.connect()
        assert late in box.poll()["Lead"]


def test_a_token_that_dies_between_pages_costs_no_row() -> None:
    """Sessions end at any time."""
    with sandbox() as box:
        box.org.seed("Lead", people(4500))
        for page in box.sf.changes([Reading(kind="Lead", fields=(), after=None)], box.store):
            box.store.take(page)
            box.org.expire_tokens()
        assert set(box.store.records["Lead"]) == everything(box.org)
        assert box.server.board.total("oauth2/token") == 3


def test_a_field_that_vanishes_stops_its_object_only() -> None:
    """Contact's cursor stays, Lead goes on, and the message names the field."""
    with sandbox() as box:
        box.org.define_field("Contact", "Level__c", "string", length=20)
        box.org.seed("Contact", [one_of("Contact")])
        box.org.seed("Lead", people(1))
        readings = [Reading(kind=kind, fields=("Level__c",) if kind == "Contact" else (), after=None) for kind in KINDS]
        box.org.hide_field("Contact", "Level__c")
        kinds = []
        with pytest.raises(ConfigProblem, match="Contact has no field Level__c"):
            kinds.extend(page.kind for page in box.sf.changes(readings, Stored()))
        assert kinds == ["Lead"]


# --- records ---------------------------------------------------------------------------------------------------------


def test_deletes_and_merges_name_the_survivor() -> None:
    """queryAll shows the losers; a plain delete has no survivor."""
    with sandbox() as box:
        winner, loser, gone = box.org.seed("Lead", people(3), modified=box.clock() - 10)
        box.poll()
        box.org.merge("Lead", winner, loser)
        box.org.delete("Lead", gone)
        box.poll()
        kept = box.store.records["Lead"]
        assert (kept[loser].deleted, kept[loser].survivor) == (True, winner)
        assert (kept[gone].deleted, kept[gone].survivor) == (True, None)
        assert not kept[winner].deleted
        box.clock.forward(5)
        box.org.undelete("Lead", gone)
        box.poll()
        assert not box.store.records["Lead"][gone].deleted


def test_a_conversion_names_the_contact() -> None:
    """The lead lives on as a contact, to which the link moves."""
    with sandbox() as box:
        (lead,) = box.org.seed("Lead", people(1), modified=box.clock() - 10)
        box.poll()
        _, contact, _ = box.org.convert(lead)
        box.poll()
        assert box.store.records["Lead"][lead].converted_to == ("Contact", contact)


def test_a_record_holds_the_fields_asked_for_and_no_other() -> None:
    """Parents' fields are flat, an empty field is None, and what the envelope needs stays out of the fields."""
    with sandbox() as box:
        (account,) = box.org.seed("Account", [{"Name": "Acme"}])
        with_parent, without = box.org.seed("Contact", [{"LastName": "A", "AccountId": account}, {"LastName": "B"}])
        box.poll(("Contact",), fields=("LastName", "Account.Name", "email"))
        kept = box.store.records["Contact"]
        assert kept[with_parent].fields == {"LastName": "A", "Account.Name": "Acme", "email": None}
        assert kept[without].fields == {"LastName": "B", "Account.Name": None, "email": None}


def test_fields_of_the_envelope_can_be_asked_for() -> None:
    """Selecting a column twice is an error of SOQL that must not happen to a mapping."""
    with sandbox() as box:
        (lead,) = box.org.seed("Lead", people(1))
        box.poll(fields=("Id", "IsConverted", "isdeleted"))
        assert box.store.records["Lead"][lead].fields == {"Id": lead, "IsConverted": False, "isdeleted": False}


# --- fetch, find, fields ---------------------------------------------------------------------------------------------


def test_fetch_takes_two_thousand_in_a_call_and_leaves_out_what_is_not_there() -> None:
    """Short ids, unknown ids and things that are no ids are allowed; each record comes once."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(2100))
        asked = [*ids, ids[0], ids[1][:15], "00Q000000000999AAA", "not an id", "'"]
        calls = box.calls()
        found = box.sf.fetch("Lead", asked, ["Company"])
        assert {record.id for record in found} == set(ids)
        assert len(found) == 2100
        assert box.calls() == calls + 2
        assert found[0].fields == {"Company": "Acme"}


def test_fetch_follows_relationships() -> None:
    """A mapping may ask for the parent's name in a fetch as in a poll."""
    with sandbox() as box:
        (account,) = box.org.seed("Account", [{"Name": "Acme"}])
        (contact,) = box.org.seed("Contact", [{"LastName": "A", "AccountId": account}])
        (record,) = box.sf.fetch("Contact", [contact], ["Account.Name"])
        assert record.fields == {"Account.Name": "Acme"}


NASTY = [
    "O'Brien",
    "back\\slash",
    "end\\",
    "' OR Id != null OR LastName = '",
    "\\' OR Id != null --",
    "%",
    "_",
    "50%",
    "a_b",
    "two\nlines",
    "tab\there",
    "\u2019quoted\u2018",
    '"double"',
    "')) OR (Id != null",
    "\U0001f600 emoji",
    "{braces}",
    "line\u2028separator",
]


def test_find_returns_exactly_the_records_that_hold_a_value() -> None:
    """No payload widens the query, and every text finds itself, in one call."""
    with sandbox() as box:
        stored = {text: box.org.seed("Lead", people(1, Company=text))[0] for text in NASTY}
        others = box.org.seed("Lead", people(50))
        for text, id in stored.items():
            calls = box.calls()
            assert [record.id for record in box.sf.find("Lead", "Company", [text], [])] == [id], text
            assert box.calls() == calls + 1
        found = box.sf.find("Lead", "Company", [*NASTY, "no such"], ["Company"])
        assert {record.id for record in found} == set(stored.values())
        assert not {record.id for record in found} & set(others)


def test_find_returns_every_match_and_never_the_first_only() -> None:
    """Two leads with one address are two candidates; more than a page of them are all candidates."""
    with sandbox() as box:
        two = box.org.seed("Lead", people(2, Email="a@b.example"))
        many = box.org.seed("Lead", people(2500, Company="Same"))
        found = box.sf.find("Lead", "Email", ["a@b.example", "x@y.example"], ["Email"])
        assert {record.id for record in found} == set(two)
        assert {record.id for record in box.sf.find("Lead", "Company", ["Same"], [])} == set(many)


def test_find_asks_a_thousand_addresses_in_one_call() -> None:
    """Five lists of values fit one composite call."""
    with sandbox() as box:
        rows = [{"LastName": "L", "Company": "C", "Email": f"person{n}@b.example"} for n in range(1000)]
        ids = box.org.seed("Lead", rows)
        box.sf.check()
        calls = box.calls()
        found = box.sf.find("Lead", "Email", [row["Email"] for row in rows], ["Email"])
        assert {record.id for record in found} == set(ids)
        assert box.calls() == calls + 1


@pytest.mark.parametrize("value", ["", "  ", "\t", "x" * 100_000])
def test_an_empty_or_endless_value_finds_nothing_and_costs_nothing(value: str) -> None:
    """An empty value equals the empty field of every other record."""
    with sandbox() as box:
        box.org.seed("Lead", people(3))
        assert box.sf.find("Lead", "Email", [value], []) == []
        assert box.calls() == 0


def test_find_leaves_out_deleted_records() -> None:
    """A record in the recycle bin is no candidate for a link."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(2, Email="a@b.example"))
        box.org.delete("Lead", ids[0])
        assert [record.id for record in box.sf.find("Lead", "Email", ["a@b.example"], [])] == [ids[1]]


def test_fields_are_described_in_shared_words() -> None:
    """What the checks before a write go by: types, lengths, choices, what is required."""
    with sandbox() as box:
        box.org.define_field("Lead", "Level__c", "picklist", picklist=("A", "B"), restricted=True)
        known = {field.name: field for field in box.sf.fields("Lead")}
        assert (known["LastName"].type, known["LastName"].length, known["LastName"].required) == (
            FieldType.TEXT,
            80,
            True,
        )
        assert (known["Level__c"].type, known["Level__c"].choices) == (FieldType.CHOICE, ("A", "B"))
        assert known["Level__c"].restricted
        assert known["Syncd_Key__c"].unique
        assert not known["SystemModstamp"].writable


def test_an_object_that_is_not_there_is_named() -> None:
    """A typo in a mapping file."""
    with sandbox() as box, pytest.raises(ConfigProblem, match="there is no object Leed that syncd's user may see"):
        box.sf.fields("Leed")


# --- check and prepare -----------------------------------------------------------------------------------------------


def test_check_logs_in_and_names_the_org() -> None:
    """Two calls: the token and the limits."""
    with sandbox() as box:
        ready = box.sf.check()
        assert (ready.problems, ready.notes) == ((), ())
        assert ready.account == box.org.org.people.org
        assert box.server.board.total() == 2


def test_check_says_what_is_wrong() -> None:
    """Wrong secret, wrong org, wrong version: each with its remedy."""
    with sandbox() as box:
        told = [
            box.connect(auth={**APP, "client_secret": "wrong"}).check(),
            box.connect(org_id="00Dxx0000001gPL").check(),
            box.connect(api_version="99.0").check(),
        ]
        words = ("check auth.client_secret", "correct org_id", "correct api_version")
        for ready, word in zip(told, words, strict=True):
            assert word in ready.problems[0]
            assert "wrong" not in ready.problems[0]


def wanted(*names: str) -> list[FieldWanted]:
    return [FieldWanted(kind="Lead", name=name, label=name, type=FieldType.TEXT, length=64) for name in names]


def test_prepare_only_tells_until_it_may_act() -> None:
    """A dry run changes nothing in the org."""
    with sandbox() as box:
        lines = box.sf.prepare([*wanted("New__c", "Syncd_Key__c")], apply=False)
        assert lines == ["would create Lead.New__c (Text, 64 characters) and grant it in syncd"]
        assert "New__c" not in {field.name for field in box.sf.fields("Lead")}


def test_prepare_creates_grants_and_sees_the_field() -> None:
    """A new field is visible to nobody until granted; afterwards nothing is left to do."""
    with sandbox() as box:
        box.sf = box.connect(permission_set="Sync_Integration")
        lines = box.sf.prepare(wanted("New__c", "Other__c"), apply=True)
        assert lines[:2] == ["created Lead.New__c (Text, 64 characters)", "created Lead.Other__c (Text, 64 characters)"]
        known = {field.name: field for field in box.sf.fields("Lead")}
        assert known["New__c"].writable
        assert known["Other__c"].writable
        assert box.sf.prepare(wanted("New__c", "Other__c"), apply=True) == []


def test_prepare_says_when_there_is_nothing_to_grant_in() -> None:
    """The field is there and nobody sees it; the admin reads what to create, assign or name."""
    with sandbox() as box:
        lines = box.sf.prepare(wanted("New__c"), apply=True)
        assert lines[0] == "created Lead.New__c (Text, 64 characters)"
        assert "there is no permission set syncd, and syncd's user may not create it" in lines[1]
        assert "Lead.New__c exists, but syncd's user still cannot see it" in lines[2]


def test_prepare_grants_a_field_that_is_there_but_hidden() -> None:
    """Describe shows no difference between a hidden field and a missing one."""
    with sandbox() as box:
        box.org.define_field("Lead", "Hidden__c", "string", length=64)
        box.org.hide_field("Lead", "Hidden__c")
        box.sf = box.connect(permission_set="Sync_Integration")
        lines = box.sf.prepare(wanted("Hidden__c"), apply=True)
        assert lines[0] == "Lead.Hidden__c was there already, hidden from syncd's user"
        assert "Hidden__c" in {field.name for field in box.sf.fields("Lead")}


def test_prepare_names_what_only_an_admin_can_do() -> None:
    """Objects cannot be created over this API, and a standard field cannot be created at all."""
    with sandbox() as box:
        missing = FieldWanted(kind="Site__c", name="Key__c", label="Key", type=FieldType.TEXT)
        lines = box.sf.prepare([missing, *wanted("Nickname")], apply=True)
        assert "there is no object Site__c" in lines[0]
        assert "Lead.Nickname is a standard field that syncd's user may not see" in lines[1]
