"""What a batch of entities needs to know beyond itself: ids of other records, accounts and branches near them.

What is decided with it is syncd.pipeline.deciding's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from syncd.lead.branch import name_key, number_keys, site_key
from syncd.lead.decision import EntityView, Related, Waiver
from syncd.lead.definition import EntityKind
from syncd.mapping.model import Mappings
from syncd.matching import Rules, mail_domain
from syncd.pipeline.doubles import People, look_for_people
from syncd.pipeline.kin import PARENT, Tree, read_tree
from syncd.pipeline.namesakes import identifying_keys
from syncd.pipeline.resembling import Near, look_around
from syncd.stages.enrich import rules_of
from syncd.stages.match import Key
from syncd.stages.merge import Said
from syncd.store import intake, pairings
from syncd.store.views import load_related


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a batch of entities needs to know beyond itself, read once for all of them."""

    mappings: Mappings
    now: int
    references: Mapping[tuple[str, str, str], str] = field(default_factory=dict)  # (system, kind, id) -> entity
    related: Mapping[str, Related] = field(default_factory=dict)
    holders: Mapping[tuple[EntityKind, Key], Sequence[str]] = field(default_factory=dict)
    may_create: frozenset[tuple[str, str]] = frozenset()  # (system, kind) whose like are known freshly enough
    soon: frozenset[tuple[str, str]] = frozenset()  # those of which a look that is to come decides that
    waivers: Mapping[str, Sequence[Waiver]] = field(default_factory=dict)  # lead -> those in force
    near: Near = field(default_factory=Near)  # what resembles whom, and what people said of that
    people: People = field(default_factory=People)  # who may be whom
    tree: Tree = field(default_factory=Tree)  # of the accounts that leads may belong to
    made: Mapping[str, bool] = field(default_factory=dict)  # lead -> whether a person said that it is made in the CRM

    @property
    def crm(self) -> frozenset[str]:
        return self.mappings.crm

    @cached_property
    def rules(self) -> Mapping[EntityKind, Rules]:
        """How it is judged who belongs to which account, sits at which branch, and is the same person."""
        return {kind: rules_of(self.mappings.definition, kind) for kind in EntityKind}

    def is_there(self, view: EntityView) -> bool:
        """Return whether the CRM has the lead."""
        return any(record.system in self.crm and not record.deleted for record in view.records)

    def may_wait(self, view: EntityView) -> bool:
        """Return whether it hangs on who else the lead may be that it is made in the CRM."""
        stated = self.mappings.definition.matching.get(EntityKind.LEAD)
        waits = stated is not None and stated.creates_wait
        return waits and view.kind is EntityKind.LEAD and not self.is_there(view)

    def find(self, kind: EntityKind, key: str, value: str | None) -> list[Related]:
        if not value:
            return []
        return [self.related[one] for one in self.holders.get((kind, (key, value)), ()) if one in self.related]

    def possible(self, view: EntityView, found: Iterable[Related]) -> list[Related]:
        """Leave out whom a person said this one does not belong to."""
        no = self.near.no.get(view.id)
        return [one for one in found if one.id not in no] if no else list(found)

    def said(self, view: EntityView, about: EntityKind) -> tuple[str, str] | None:
        """Return (id, why) of the account or branch that a person said it is."""
        found = self.near.yes.get((view.id, about))
        return found if found is not None and found[0] in self.related else None

    def alike(self, view: EntityView, kind: EntityKind) -> list[Related]:
        ids = self.near.alike.get((view.id, kind), ())
        return self.possible(view, (self.related[one] for one in ids if one in self.related))


def with_references(
    connection: Connection, batch: Batch, views: Sequence[EntityView], heard: Mapping[str, Sequence[Said]]
) -> Batch:
    wanted: dict[tuple[str, str], set[str]] = {}
    for view in views:
        for one in heard[view.id]:
            for line in one.kind_map.referring:
                if line.refers_to is not None and one.values.get(line.name):
                    wanted.setdefault((one.record.system, line.refers_to[1]), set()).add(str(one.values[line.name]))
    found: dict[tuple[str, str, str], str] = {}
    for (system, kind), ids in wanted.items():
        for record, entity in intake.links_of(connection, system, kind, ids).items():
            found[(system, kind, record)] = entity
    return replace(batch, references=found)


def with_related(
    connection: Connection,
    batch: Batch,
    views: Sequence[EntityView],
    merged: Mapping[str, tuple[dict[str, Any], dict[str, Any], dict[str, str]]],
    *,
    shown_only: bool = False,
) -> Batch:
    """Read the accounts and branches that these entities may belong to, and the leads that they may be."""
    accounts: set[Key] = set()
    sites: set[Key] = set()
    ids: set[str] = set()
    for view in views:
        values = merged[view.id][0]
        if view.kind is EntityKind.ACCOUNT:
            continue
        ids |= {str(values[name]) for name in ("account", "branch") if values.get(name)}
        accounts |= _account_keys(view.kind, values)
        if view.kind is EntityKind.LEAD:
            sites |= {("site", key) for key in [site_key(values.get("street"), values.get("postcode"))] if key}
    holders: dict[tuple[EntityKind, Key], Sequence[str]] = {}
    for key, held in intake.holders_of(connection, EntityKind.ACCOUNT.value, accounts).items():
        holders[(EntityKind.ACCOUNT, key)] = sorted(held)
        ids.update(held)
    if any(view.kind is EntityKind.LEAD for view in views):
        if PARENT in batch.mappings.definition.fields[EntityKind.ACCOUNT]:
            batch = replace(batch, tree=read_tree(connection, ids))
        sites |= {("account", one) for one in ids | batch.tree.members}
        for key, held in intake.holders_of(connection, EntityKind.BRANCH.value, sites).items():
            holders[(EntityKind.BRANCH, key)] = sorted(held)
            ids.update(held)
    values = {one: found[0] for one, found in merged.items()}
    unmade = [view for view in views if view.kind is EntityKind.LEAD and not batch.is_there(view)]
    own = {key for view in unmade for key in identifying_keys(batch.mappings, values[view.id])}
    for key, held in intake.holders_of(connection, EntityKind.LEAD.value, own).items():
        if len(held) > 1:
            holders[(EntityKind.LEAD, key)] = sorted(held)
            ids.update(held)
    near = look_around(connection, views, values, holders)
    people = People()
    if not shown_only or any(map(batch.may_wait, views)):
        people = look_for_people(connection, views, values, batch.mappings.definition.placeholders)
    related = load_related(connection, ids | near.ids | people.ids)
    made = pairings.said_of_making(connection, [view.id for view in views]) if batch.mappings.asks_to_make else {}
    return replace(batch, holders=holders, near=near, people=people, related={**related, **people.here}, made=made)


# ---------------------------------------------------------------------------------------------------------------------


def _account_keys(kind: EntityKind, values: Mapping[str, Any]) -> set[Key]:
    if kind is EntityKind.BRANCH:
        numbers = (values.get("customer"), values.get("parent_customer"))
        keys = (key for one in numbers for key in number_keys(one))
        pairs = (*(("erp_customer", one) for one in keys), ("name", name_key(values.get("customer_name"))))
    else:
        pairs = (("domain", mail_domain(values.get("email"))), ("name", name_key(values.get("company"))))
    return {(key, value) for key, value in pairs if value}
