"""What a mapping leaves out is noted: people who are not looked for, an answer that is never emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.mapping.loader import load

DEFINITION = """\
version: 1
lead:
  email: {type: email, identifies: true}
  phone: {type: phone}
  last_name: {type: text}
stages:
  - {name: mql}
handoff: {from: mql, requires: [[email]]}
"""
LEAD = """\
system: crm
Lead:
  is: lead
  create: allowed
  key: Key__c
  fields:
    last_name: {to: LastName}
    email: {to: Email}
"""
CONTACT = "Contact:\n  is: lead\n  fields:\n    email: {from: Email}\n"


def said(folder: Path, crm: str, definition: str = DEFINITION) -> list[str]:
    (folder / "definition.yaml").write_text(definition, encoding="utf-8")
    (folder / "crm.yaml").write_text(crm, encoding="utf-8")
    notes = load(folder, {"crm": "salesforce"}).systems["crm"].notes
    return [f"{one.place.line}:{one.place.column} {one.message}; {one.hint}" for one in notes]


@pytest.mark.parametrize("create", ["allowed", "review"])
@pytest.mark.parametrize(
    "contact",
    [
        "",
        CONTACT.replace("email: {from: Email}", "last_name: {from: LastName}"),
        CONTACT.replace("is: lead", "is: account").replace("email: {from: Email}", "tax_id: {from: TaxId}"),
    ],
)
def test_it_is_noted_where_the_other_kind_of_people_is_not_read(tmp_path: Path, create: str, contact: str) -> None:
    """It says at which line, and which lines are to be added."""
    definition = DEFINITION.replace("stages:", "account:\n  tax_id: {type: text, identifies: true}\nstages:")
    (note,) = said(tmp_path, LEAD.replace("allowed", create) + contact, definition)
    told = "Lead may be made, and nobody is looked up among the Contacts that are there"
    assert note == f"4:11 {told}; add to this file: Contact: {{is: lead, fields: {{email: {{from: Email}}}}}}"


@pytest.mark.parametrize(
    "crm",
    [
        LEAD + CONTACT,
        LEAD + CONTACT.replace("email: {from: Email}", "phone: {from: Phone}\n    last_name: {from: LastName}"),
        LEAD.replace("create: allowed", "create: never"),
    ],
)
def test_both_kinds_read_or_nobody_made_is_no_note(tmp_path: Path, crm: str) -> None:
    assert said(tmp_path, crm) == []


def test_those_who_are_made_are_looked_for_among_their_own_kind_too(tmp_path: Path) -> None:
    (told,) = said(tmp_path, LEAD.replace("    email: {to: Email}\n", "") + CONTACT)
    assert "among the Leads" in told


def test_an_answer_of_sales_that_is_never_emptied_is_noted_at_its_line(tmp_path: Path) -> None:
    """Also on the kind that a lead lives on as once it is converted."""
    emptied = "    sales_decision: {from: Decision, to: Decision}\n"
    assert said(tmp_path, LEAD + emptied + CONTACT + emptied) == []
    (note,) = said(tmp_path, LEAD + emptied + CONTACT + "    sales_decision: {from: Decision}\n")
    assert note.startswith("14:5 sales_decision is read here and never emptied")
