"""Whoever may be made in Salesforce is looked for among Leads and among Contacts: else the mapping is not taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config.yaml import Problems
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


def said(folder: Path, crm: str) -> list[str]:
    (folder / "definition.yaml").write_text(DEFINITION, encoding="utf-8")
    (folder / "crm.yaml").write_text(crm, encoding="utf-8")
    try:
        load(folder, {"crm": "salesforce"})
    except Problems as error:
        return [f"{one.place.line}:{one.place.column} {one.message}; {one.hint}" for one in error.problems]
    return []


@pytest.mark.parametrize("create", ["allowed", "review"])
@pytest.mark.parametrize(
    "contact",
    [
        "",
        CONTACT.replace("email: {from: Email}", "last_name: {from: LastName}"),
        CONTACT.replace("is: lead", "is: account").replace("email: {from: Email}", "name: {from: Name}"),
    ],
)
def test_nobody_is_made_where_the_other_kind_of_people_is_not_read(tmp_path: Path, create: str, contact: str) -> None:
    """It says at which line, and which lines are to be added."""
    definition = DEFINITION.replace("stages:", "account:\n  name: {type: text, identifies: true}\nstages:")
    text = LEAD.replace("allowed", create) + contact
    (tmp_path / "definition.yaml").write_text(definition, encoding="utf-8")
    (tmp_path / "crm.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Problems) as caught:
        load(tmp_path, {"crm": "salesforce"})
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.place.column) == (4, 11)
    assert problem.message == "Lead may be made, and nobody would be looked up among the Contacts that are there"
    assert problem.hint == "add to this file: Contact: {is: lead, fields: {email: {from: Email}}}"


@pytest.mark.parametrize(
    "crm",
    [
        LEAD + CONTACT,
        LEAD + CONTACT.replace("email: {from: Email}", "phone: {from: Phone}\n    last_name: {from: LastName}"),
        LEAD.replace("create: allowed", "create: never"),
    ],
)
def test_both_kinds_read_or_nobody_made_is_taken(tmp_path: Path, crm: str) -> None:
    assert said(tmp_path, crm) == []


def test_those_who_are_made_are_looked_for_among_their_own_kind_too(tmp_path: Path) -> None:
    (told,) = said(tmp_path, LEAD.replace("    email: {to: Email}\n", "") + CONTACT)
    assert "among the Leads" in told
