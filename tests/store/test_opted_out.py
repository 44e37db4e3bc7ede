"""An opt-out waits for nothing: not for the CRM to take a lead, and not for a fresh look at it."""

from __future__ import annotations

import seam as words
from seam import Seam

from syncd.mapping.loader import load

DEFINITION = words.DEFINITION.replace("account:\n  name", "  opted_out: {type: boolean, merge: any}\naccount:\n  name")
HUB = words.HUB + "    opted_out: {from: optout, to: opted_out, when: opted_out}\n"


def test_a_contact_whose_lead_waits_to_be_made_is_told_of_the_opt_out_alone(seam: Seam) -> None:
    for name, text in {"definition": DEFINITION, "hub": HUB, "crm": words.CRM}.items():
        (seam.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    seam.mappings = load(seam.folder, {"hub": "hubspot", "crm": "salesforce"})
    seam.contact("51", {"optout": "true", "opted_out": None})
    seam.contact("52", {"email": "bob@plant.example", "optout": None, "opted_out": None})
    seam.turn(may_create=())
    assert [(one.id, dict(one.fields)) for one in seam.hub.requests] == [("51", {"opted_out": "true"})]


def test_what_is_left_of_a_write_loses_nothing_but_what_it_still_replaces(seam: Seam) -> None:
    """The rest of the contact's write, which would have put another word in place of a person's, waits with it."""
    line = HUB + "    surname: {to: family, value: last_name, conflict: ours}\n"
    definition = DEFINITION.replace("account:\n  name", "  surname: {type: text}\naccount:\n  name")
    for name, text in {"definition": definition, "hub": line, "crm": words.CRM}.items():
        (seam.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    seam.mappings = load(seam.folder, {"hub": "hubspot", "crm": "salesforce"})
    seam.contact("51", {"optout": "true", "opted_out": None, "family": "Another"})
    seam.turn(may_create=())
    assert [(one.id, dict(one.fields)) for one in seam.hub.requests] == [("51", {"opted_out": "true"})]
