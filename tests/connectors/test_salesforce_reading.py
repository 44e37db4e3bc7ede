"""What reading, describing and preparing promise, shown on the sandbox over real HTTP."""

from __future__ import annotations

import pytest
from salesforce_sandbox import APP, people, sandbox
from salesforce_wire import refusal, scripted

from connectors.contract import FieldType, FieldWanted
from connectors.errors import ConfigProblem
from sandbox.wire import Response

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


def test_leads_are_read_by_a_user_who_may_not_see_opportunities() -> None:
    """A field that nobody mapped and syncd does not need must not be asked for: hidden, it would stop all Leads."""
    with sandbox() as box:
        box.org.hide_field("Lead", "ConvertedOpportunityId")
        (lead,) = box.org.seed("Lead", people(1))
        assert box.poll() == {"Lead": [lead]}


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


def test_the_options_of_the_record_type_are_described_by_one_call_more() -> None:
    """Of the one that records of ours get: the one that is set, else the user's own; the master leaves all."""
    options = ["Retail", "Oil & Gas", "Banking"]
    with sandbox() as box:
        box.org.define_field("Lead", "Branch__c", "picklist", picklist=options, restricted=True)
        box.org.define_field("Lead", "Many__c", "multipicklist", picklist=options, restricted=True)
        box.org.add_record_type("Lead", "Plant", picklists={"Branch__c": ["Banking", "Oil & Gas"]})
        before = box.calls()
        box.sf.fields("Lead")
        assert box.calls() - before == 1
        box.org.add_record_type("Lead", "Shop", picklists={"Branch__c": [], "Many__c": ["Retail"]}, default=True)
        before = box.calls()
        shop = {field.name: field for field in box.sf.fields("Lead")}
        assert box.calls() - before == 2
        plant = {field.name: field for field in box.connect(record_types={"Lead": "Plant"}).fields("Lead")}
    assert (shop["Branch__c"].offered, shop["Branch__c"].offered_by) == ((), "the record type Shop")
    assert (shop["Many__c"].offered, shop["Many__c"].choices) == (("Retail",), tuple(options))
    assert (plant["Branch__c"].offered, plant["Branch__c"].offered_by) == (
        ("Oil & Gas", "Banking"),
        "the record type Plant",
    )
    assert (plant["Many__c"].offered_by, plant["Industry"].offered_by) == ("", "")


def test_where_the_org_tells_no_options_per_record_type_those_of_the_field_count() -> None:
    infos = [{"developerName": "Shop", "recordTypeId": "012000000000001AAA", "defaultRecordTypeMapping": True}]
    field = {"name": "A__c", "type": "picklist", "restrictedPicklist": True, "picklistValues": [{"value": "x"}]}
    described = Response(200, {"fields": [field], "recordTypeInfos": infos})
    with scripted() as (org, sf, _):
        org.plain = lambda one: described if one.path.endswith("describe") else Response(403, refusal("FORBIDDEN"))
        (told,) = sf.fields("Lead")
    assert (told.choices, told.offered_by) == (("x",), "")


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
        assert box.sf.account() == box.org.org.people.org
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
        box.org.deny("PermissionSet", "create")
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
