"""Sets an account up: the place where branches are kept, the label of those who sit there, and all properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connectors.contract import FieldWanted
from connectors.errors import ConfigProblem
from connectors.hubspot.branches import BRANCH, COMPANIES, INVERSE_LABEL, LABEL, Home
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.judge import CallRefused
from connectors.hubspot.links import PREFIX
from connectors.hubspot.properties import GROUP, definition, prepare_properties

_LABEL_NAME = "syncd_sits_at"
_BY_HAND = "create it by hand (Data Management, Data Model), or set branches: child_companies"


def prepare(client: HubSpotClient, wanted: Sequence[FieldWanted], *, apply: bool) -> list[str]:
    """See connectors.contract.Destination.prepare."""
    own = [one for one in wanted if not one.name.startswith(PREFIX)]
    others = [one for one in own if one.kind != BRANCH]
    lines = prepare_properties(client, others, apply=apply)
    of_branch = [one for one in own if one.kind == BRANCH]
    if of_branch and BRANCH not in client.branches.unused:
        lines += _prepare_branches(client, of_branch, apply=apply)
    return lines


# ---------------------------------------------------------------------------------------------------------------------


def _prepare_branches(client: HubSpotClient, wanted: Sequence[FieldWanted], *, apply: bool) -> list[str]:
    choice = client.branches.choose(client, again=True)
    if choice.ready:
        lines = prepare_properties(client, wanted, apply=apply)
    elif choice.home is Home.CUSTOM_OBJECT:
        lines = _create_object(client, wanted, apply=apply)
    else:
        lines = _create_on_companies(client, wanted, apply=apply)
    lines += _create_label(client, apply=apply)
    return [choice.words(), *lines] if lines else []


def _create_object(client: HubSpotClient, wanted: Sequence[FieldWanted], *, apply: bool) -> list[str]:
    names = ", ".join(one.name for one in wanted)
    if not apply:
        return [f"{BRANCH}: would be created as custom object with {names}"]
    shown = next((one.name for one in wanted if one.name == "name"), wanted[0].name)
    schema = {
        "name": BRANCH,
        "labels": {"singular": "Branch", "plural": "Branches"},
        "description": "Ship-to branches from the ERP, kept by syncd",
        "primaryDisplayProperty": shown,
        "requiredProperties": [shown],
        "searchableProperties": [shown],
        "properties": [_of_schema(one) for one in wanted],
        "associatedObjects": ["companies", "contacts"],
    }
    try:
        client.create_schema(schema)
    except (CallRefused, ConfigProblem) as error:  # which may be that an earlier try made it, its answer lost
        if not client.branches.choose(client, again=True).ready:
            return [f"{BRANCH}: by hand: the custom object was not created: {error.message}; {_BY_HAND}"]
    client.branches.choose(client, again=True)
    return [f"{BRANCH}: created as custom object with {names}"]


def _create_on_companies(client: HubSpotClient, wanted: Sequence[FieldWanted], *, apply: bool) -> list[str]:
    on_companies = [replace(one, kind=COMPANIES[0]) for one in wanted]
    lines = prepare_properties(client, on_companies, apply=apply)
    client.branches.choose(client, again=True)
    return lines


def _create_label(client: HubSpotClient, *, apply: bool) -> list[str]:
    """Make the label by which lists tell who sits at a branch; without it they are associated plainly."""
    if not client.branches.choose(client).ready:
        return [] if apply else [f"contacts to {BRANCH}: the label {LABEL!r} would be created"]
    if client.label("contacts", BRANCH, LABEL) is not None:
        return []
    if not apply:
        return [f"contacts to {BRANCH}: the label {LABEL!r} would be created"]
    try:
        client.create_label("contacts", BRANCH, _LABEL_NAME, LABEL, INVERSE_LABEL)
    except (CallRefused, ConfigProblem) as error:  # as above
        if client.label("contacts", BRANCH, LABEL) is None:
            return [
                f"contacts to {BRANCH}: by hand: the label {LABEL!r} was not created ({error.message}); without it "
                f"contacts are associated plainly"
            ]
    return [f"contacts to {BRANCH}: the label {LABEL!r} created"]


def _of_schema(wanted: FieldWanted) -> dict[str, object]:
    """Return a property as a schema takes it: its group is made with the object."""
    return {name: value for name, value in definition(wanted).items() if (name, value) != ("groupName", GROUP)}
