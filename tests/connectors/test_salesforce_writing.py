"""What writing to Salesforce promises, shown on the sandbox over real HTTP: one record, one fate, few calls."""

from __future__ import annotations

from typing import Any

import pytest
from salesforce_sandbox import one_of, people, sandbox
from salesforce_wire import lead, update

from connectors.contract import Deferred, Policy, Rejected, WriteRequest, Written
from sandbox.wire import Fault

CANARY = "canary.person@example.test"


def rejected(answer: Any) -> Rejected:
    assert isinstance(answer, Rejected), answer
    return answer


def test_a_thousand_rows_are_one_call() -> None:
    """Five collections of 200 in one composite call; the first call also fetches the token."""
    with sandbox() as box:
        answers = box.sf.write([lead(n) for n in range(1000)])
        assert all(isinstance(answer, Written) and answer.created for answer in answers)
        assert box.calls() == 1
        assert box.org.writes["Lead"].created == 1000


def test_answers_come_in_the_order_of_the_requests() -> None:
    """Creates and updates of several objects are sorted for the wire; the caller must not notice."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(2))
        (account,) = box.org.seed("Account", [one_of("Account")])
        requests = [
            update(0, ids[1], Company="B"),
            lead(1),
            WriteRequest(token="2", kind="Account", policy=Policy.UPDATE, fields={"Name": "New"}, id=account),
            update(3, ids[0], Company="A"),
            WriteRequest(
                token="4",
                kind="Branch__c",
                policy=Policy.CREATE,
                fields={"Name": "Site", "Account__c": account},
                key=("Branch_Key__c", "B7"),
            ),
        ]
        answers = box.sf.write(requests)
        assert [getattr(answer, "id", "")[:3] for answer in answers] == ["00Q", "00Q", "001", "00Q", "a00"]
        assert (answers[0], answers[3]) == (Written(ids[1]), Written(ids[0]))
        assert [box.org.get("Lead", id)["Company"] for id in ids] == ["A", "B"]
        assert box.calls() == 1


def test_a_create_that_is_repeated_finds_its_record_again() -> None:
    """The caller that lost the answer asks once more: one record, and `created` tells that it was there."""
    with sandbox() as box:
        (first,) = box.sf.write([lead(1)])
        (second,) = box.sf.write([lead(1, Company="Other")])
        assert first.created
        assert second == Written(first.id, created=False)
        assert [row["Company"] for row in box.org.all("Lead")] == ["Other"]


@pytest.mark.parametrize("kind", ["lost", "truncated", "html", "status"])
def test_an_answer_that_is_lost_makes_no_second_record(kind: str) -> None:
    """Whether it was applied or not, the call is not repeated before the next look; then each person is there once."""
    with sandbox() as box:
        fault = box.server.board.add(Fault(kind, "composite", 503, b"<html></html>", times=1))
        answers = box.sf.write([lead(n) for n in range(300)])
        assert all(isinstance(answer, Deferred) for answer in answers)
        assert (fault.fired, box.server.board.total("composite")) == (1, 1)
        answers = box.sf.write([lead(n) for n in range(300)])
        assert all(isinstance(answer, Written) for answer in answers)
        assert len(box.org.all("Lead")) == 300


def test_a_session_that_dies_between_two_calls_costs_no_row() -> None:
    """1,500 rows take two calls; the token dies after the first."""
    with sandbox() as box:
        box.server.board.add(Fault("status", "composite", 401, [{"errorCode": "INVALID_SESSION_ID"}], first=2))
        answers = box.sf.write([lead(n) for n in range(1500)])
        assert all(isinstance(answer, Written) for answer in answers)
        assert box.server.board.total("oauth2/token") == 2


def test_none_clears_a_field_and_what_is_not_named_stays() -> None:
    """Only what is to change is sent."""
    with sandbox() as box:
        (id,) = box.org.seed("Lead", people(1, Email="a@b.example", Phone="1"))
        box.sf.write([update(1, id, Email=None)])
        row = box.org.get("Lead", id)
        assert (row.get("Email"), row.get("Phone")) == (None, "1")


def test_a_parent_is_found_by_its_own_key() -> None:
    """Parent.Key in a mapping becomes a reference by external id."""
    with sandbox() as box:
        box.org.define_field("Account", "Erp__c", "string", length=20, unique=True, external_id=True)
        (account,) = box.org.seed("Account", [{"Name": "Acme", "Erp__c": "4711"}])
        (contact,) = box.org.seed("Contact", [{"LastName": "A"}])
        request = WriteRequest(
            token="1", kind="Contact", policy=Policy.UPDATE, fields={"Account.Erp__c": "4711"}, id=contact
        )
        assert box.sf.write([request]) == [Written(contact)]
        assert box.org.get("Contact", contact)["AccountId"] == account


def test_an_update_never_moves_the_owner() -> None:
    """The org has an active assignment rule; a rep would feel it as theft."""
    with sandbox() as box:
        (id,) = box.org.seed("Lead", people(1))
        owner = box.org.get("Lead", id)["OwnerId"]
        box.sf.write([update(1, id, Company="New"), lead(2)])
        assert box.org.get("Lead", id)["OwnerId"] == owner
        queue = box.org.org.people.queue
        assert all(row["OwnerId"] != queue for row in box.org.all("Lead"))


def test_assignment_rules_run_where_the_admin_wants_them() -> None:
    """The same write with `auto_assign: true` goes to the queue."""
    with sandbox() as box:
        box.connect(auto_assign=True).write([lead(1)])
        assert [row["OwnerId"] for row in box.org.all("Lead")] == [box.org.org.people.queue]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", "LastName"),
        ({"Company": "canary " + "x" * 300}, "STRING_TOO_LONG", "Company"),
        ({"Email": "canary not an address"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ({"Level__c": "canary"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Level__c"),
        ({"OwnerId": "005000000000001AAA"}, None, None),
        ({"CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "CreatedDate"),
    ],
)
def test_a_refused_row_is_named_and_the_others_go_through(
    fields: dict[str, Any], code: str | None, field: str | None
) -> None:
    """HTTP 200 with an error in one row: that row alone is refused, without a word of its values."""
    with sandbox() as box:
        box.org.define_field("Lead", "Level__c", "picklist", picklist=("A", "B"), restricted=True)
        answers = box.sf.write([lead(1), lead(2, **fields), lead(3)])
        assert isinstance(answers[0], Written)
        assert isinstance(answers[2], Written)
        told = rejected(answers[1])
        assert code is None or (told.code, told.field) == (code, field)
        assert "canary" not in repr(told)
        assert not told.gone


def test_a_validation_rule_is_passed_on_in_its_own_words() -> None:
    """The admin wrote them for whoever meets the rule."""
    with sandbox() as box:
        box.org.add_validation_rule("Lead", lambda row: row["Company"] == "Bad", "Not this company", "Company")
        told = rejected(box.sf.write([lead(1, Company="Bad")])[0])
        assert "Not this company" in told.message
        assert (told.code, told.field) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Company")


def test_a_locked_row_is_tried_three_times_within_the_write() -> None:
    """Locks pass within seconds; the rows beside it are not sent again."""
    waits: list[float] = []
    with sandbox() as box:
        ids = box.org.seed("Lead", people(3))
        box.org.lock_row(ids[1], times=2)
        box.sf = box.connect(sleep=waits.append)
        answers = box.sf.write([update(n, id, Company="New") for n, id in enumerate(ids)])
        assert answers == [Written(id) for id in ids]
        assert box.calls() == 3
        assert box.org.writes["Lead"].updated == 3
        assert len(waits) == 2


def test_a_row_that_stays_locked_is_deferred() -> None:
    """It comes back later by itself; nobody has to look at it."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(2))
        box.org.lock_row(ids[0], times=99)
        answers = box.sf.write([update(n, id, Company="New") for n, id in enumerate(ids)])
        assert isinstance(answers[0], Deferred)
        assert answers[0].reason.startswith("UNABLE_TO_LOCK_ROW")
        assert not answers[0].at_large
        assert answers[1] == Written(ids[1])


def test_what_is_deleted_merged_or_converted_is_gone() -> None:
    """The caller follows to the survivor; an update would never succeed."""
    with sandbox() as box:
        ids = box.org.seed("Lead", people(4))
        box.org.delete("Lead", ids[0])
        box.org.merge("Lead", ids[3], ids[1])
        box.org.convert(ids[2])
        answers = box.sf.write([update(n, id, Company="New") for n, id in enumerate(ids)])
        codes = [rejected(answer).code for answer in answers[:3]]
        assert codes == ["ENTITY_IS_DELETED", "ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD"]
        assert all(rejected(answer).gone for answer in answers[:3])
        assert answers[3] == Written(ids[3])


def test_a_value_that_another_record_holds_names_that_record() -> None:
    """The text of DUPLICATE_VALUE carries the id, which a person or the matcher can follow."""
    with sandbox() as box:
        holder, other = box.org.seed("Lead", people(2))
        box.org.edit("Lead", holder, {"Syncd_Key__c": "taken"})
        told = rejected(box.sf.write([update(1, other, Syncd_Key__c="taken")])[0])
        assert (told.code, told.field, told.matches) == ("DUPLICATE_VALUE", "Syncd_Key__c", (("Lead", holder),))


def test_a_duplicate_rule_names_the_records_it_found() -> None:
    """Collections give only the code, so such rows are asked alone: one more call for all of them."""
    with sandbox() as box:
        box.org.add_duplicate_rule("Lead", "Email", match_object="Contact")
        (contact,) = box.org.seed("Contact", [{"LastName": "A", "Email": CANARY}])
        answers = box.sf.write([lead(1, Email=CANARY), lead(2, Email="other@b.example"), lead(3, Email=CANARY)])
        for answer in (answers[0], answers[2]):
            told = rejected(answer)
            assert (told.code, told.matches) == ("DUPLICATES_DETECTED", (("Contact", contact),))
            assert CANARY not in told.message
        assert isinstance(answers[1], Written)
        assert box.calls() == 2


def test_a_duplicate_found_on_update_is_named_too() -> None:
    """Rules run on edits as on creates."""
    with sandbox() as box:
        one, two = box.org.seed("Lead", [*people(1, Email="a@b.example"), *people(1)])
        box.org.add_duplicate_rule("Lead", "Email")
        told = rejected(box.sf.write([update(1, two, Email="a@b.example")])[0])
        assert (told.code, told.matches) == ("DUPLICATES_DETECTED", (("Lead", one),))


def test_a_rule_that_only_alerts_stops_no_update_and_costs_no_further_call() -> None:
    """An update doubles nobody; rules that block stop it beside."""
    with sandbox() as box:
        one, two, three = box.org.seed("Lead", [*people(1, Email="a@b.example", Phone="1"), *people(2)])
        box.org.add_duplicate_rule("Lead", "Email", block=False)
        box.org.add_duplicate_rule("Lead", "Phone")
        answers = box.sf.write([update(1, two, Email="a@b.example"), update(2, three, Phone="1")])
        assert answers[0] == Written(two)
        assert rejected(answers[1]).matches == (("Lead", one),)
        assert box.calls() == 2  # the second to hear what the blocking rule found
        assert box.org.get("Lead", two)["Email"] == "a@b.example"


def test_a_create_that_alerts_waits_for_a_person_unless_an_operator_said_otherwise() -> None:
    """Nobody is doubled by a daemon; what is said tells an alert from a block, and what to do."""
    with sandbox() as box:
        box.org.add_duplicate_rule("Lead", "Email", block=False)
        box.org.add_duplicate_rule("Lead", "Phone")
        box.org.seed("Lead", people(1, Email=CANARY, Phone="1"))
        told = rejected(box.sf.write([lead(1, Email=CANARY)])[0])
        assert (told.code, len(told.matches), len(box.org.all("Lead"))) == ("DUPLICATES_DETECTED", 1, 1)
        assert "only alerts" in told.message
        assert "create_despite_alerts" in told.message
        willing = box.connect(create_despite_alerts=True)
        answers = willing.write([lead(1, Email=CANARY), lead(2, Phone="1")])
        assert isinstance(answers[0], Written)
        assert "only alerts" not in rejected(answers[1]).message


@pytest.mark.parametrize("key", ["O'Brien/../x", "a b?c#d", "..", "%2F", "\u00fc\U0001f600", "a\\b"])
def test_a_key_of_any_text_finds_its_record_again(key: str) -> None:
    """Keys go in the body, where no character is special; only the look for duplicates puts them in a path."""
    with sandbox() as box:
        request = WriteRequest(
            token="1",
            kind="Lead",
            policy=Policy.CREATE,
            fields={"LastName": "L", "Company": "C", "Email": CANARY},
            key=("Syncd_Key__c", key),
        )
        (first,), (second,) = box.sf.write([request]), box.sf.write([request])
        assert (first.created, second) == (True, Written(first.id))
        box.org.add_duplicate_rule("Lead", "Email")
        (other,) = box.org.seed("Lead", people(1, Email=CANARY))
        told = rejected(box.sf.write([request])[0])
        assert told.matches == ((("Lead", other),) if key != ".." else ())


@pytest.mark.parametrize("id", ["", "x", "00Q'", "00Q00000000001"])
def test_an_id_of_the_wrong_form_stops_its_row_only(id: str) -> None:
    """A damaged link must not fail the 199 records beside it."""
    with sandbox() as box:
        answers = box.sf.write([update(1, id, Company="New"), lead(2)])
        assert rejected(answers[0]).code == "MALFORMED_ID"
        assert isinstance(answers[1], Written)


def test_an_empty_key_is_never_sent() -> None:
    """An upsert by an empty key would create a record each time."""
    with sandbox() as box:
        request = WriteRequest(
            token="1", kind="Lead", policy=Policy.CREATE, fields=one_of("Lead"), key=("Syncd_Key__c", " ")
        )
        assert rejected(box.sf.write([request])[0]).code == "MISSING_KEY"
        assert box.org.all("Lead") == []


def test_a_field_taken_away_refuses_its_rows_by_name() -> None:
    """Field-level security changed overnight: the rows that need the field are parked, the others arrive."""
    with sandbox() as box:
        box.org.define_field("Lead", "Level__c", "string", length=20)
        box.org.hide_field("Lead", "Level__c")
        answers = box.sf.write([lead(n, **({"Level__c": "A"} if n % 2 else {})) for n in range(40)])
        assert {(rejected(answer).code, rejected(answer).field) for answer in answers[1::2]} == {
            ("INVALID_FIELD", "Level__c")
        }
        assert all(isinstance(answer, Written) for answer in answers[::2])
