"""Which accounts and branches resemble an entity, and what people said of that: what deciding reads beyond exact keys.

How like two records are, and what follows from it, is syncd.stages.enrich's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from syncd.lead.branch import name_key, number_keys
from syncd.lead.decision import Decision, EntityView
from syncd.lead.definition import EntityKind
from syncd.matching import MOST_PER_KEY, Purpose, mail_domain, shortlist
from syncd.stages.enrich import kept_keys, sought_keys
from syncd.stages.match import Key
from syncd.store import likeness, pairings

_KEPT = frozenset({"name", "domain", "erp_customer", "street", "city", "state", "postcode", "country", "phone"})


@dataclass(frozen=True, kw_only=True)
class Near:
    """`alike`: (entity, kind of candidate) -> ids, the likeliest first. `yes`, `no`: what people said of an entity."""

    alike: Mapping[tuple[str, EntityKind], Sequence[str]] = field(default_factory=dict)
    yes: Mapping[tuple[str, EntityKind], tuple[str, str]] = field(default_factory=dict)  # -> (candidate, why)
    no: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        return {one for ids in self.alike.values() for one in ids} | {one for one, _ in self.yes.values()}


def look_around(
    connection: Connection,
    views: Sequence[EntityView],
    values: Mapping[str, Mapping[str, Any]],
    holders: Mapping[tuple[EntityKind, Key], Sequence[str]],
) -> Near:
    """Read what people said, and for those whom no exact key places, what resembles them.

    What it costs depends on how many keys they have, not on how many accounts there are: a key that many share is left
    out, and no key is stored for more.
    """
    asking = [view for view in views if view.kind is not EntityKind.ACCOUNT]
    yes, no = pairings.read_said(connection, [view.id for view in asking])
    wanted: dict[EntityKind, dict[str, list[str]]] = {EntityKind.ACCOUNT: {}, EntityKind.BRANCH: {}}
    kept = {kind: likeness.any_kept(connection, kind) for kind in wanted} if asking else {}
    for view in asking:
        mine = values[view.id]
        if mine.get("account") or (view.id, EntityKind.ACCOUNT) in yes or _is_placed(view.kind, mine, holders):
            continue
        for kind in (EntityKind.ACCOUNT, EntityKind.BRANCH) if view.kind is EntityKind.LEAD else (EntityKind.ACCOUNT,):
            if kept[kind]:
                wanted[kind][view.id] = sought_keys(view.kind, mine, kind)
    return Near(alike=_alike(connection, wanted), yes=yes, no=no)


def near_places(connection: Connection, views: Sequence[EntityView], of: EntityKind) -> dict[str, Sequence[str]]:
    """Return whom these leads and branches resemble of the accounts, or branches, whatever was said of that."""
    wanted = {view.id: sought_keys(view.kind, view.values, of) for view in views}
    return {one: near for (one, _), near in _alike(connection, {of: wanted}).items()}


def keep_keys(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Let these be found by what they are like now."""
    _keep_people(connection, {one.entity: one.doubles.keys for one in decisions if one.doubles is not None})
    for kind in (EntityKind.ACCOUNT, EntityKind.BRANCH):
        ours = {one.entity: one for one in decisions if one.kind is kind}
        if not ours:
            continue
        held = likeness.keys_of(connection, ours)
        stale = {
            one: decision
            for one, decision in ours.items()
            if one not in held or any(change.field in _KEPT for change in decision.changes)
        }
        keys = {one: set(kept_keys(kind, decision.values)) for one, decision in stale.items()}
        likeness.keep(connection, kind, keys, {one: held.get(one, set()) for one in keys}, MOST_PER_KEY)


# ---------------------------------------------------------------------------------------------------------------------


def _keep_people(connection: Connection, keys: Mapping[str, Sequence[str]]) -> None:
    if keys:
        wanted = {one: set(found) for one, found in keys.items()}
        held = likeness.keys_of(connection, wanted)
        likeness.keep(connection, EntityKind.LEAD, wanted, {one: held.get(one, set()) for one in wanted}, MOST_PER_KEY)


def _is_placed(
    kind: EntityKind, values: Mapping[str, Any], holders: Mapping[tuple[EntityKind, Key], Sequence[str]]
) -> bool:
    """Whether an exact key finds an account, or several to choose from."""
    keys: tuple[tuple[str, str | None], ...]
    if kind is EntityKind.LEAD:
        keys = (("domain", mail_domain(values.get("email"))), ("name", name_key(values.get("company"))))
    else:
        keys = (("name", name_key(values.get("customer_name"))),)
        keys += tuple(("erp_customer", one) for one in number_keys(values.get("customer")))
    return any((EntityKind.ACCOUNT, (key, value)) in holders for key, value in keys if value)


def _alike(
    connection: Connection, wanted: Mapping[EntityKind, Mapping[str, Sequence[str]]]
) -> dict[tuple[str, EntityKind], Sequence[str]]:
    found: dict[tuple[str, EntityKind], Sequence[str]] = {}
    for kind, keys in wanted.items():
        held = likeness.holders(connection, kind, {key for of_one in keys.values() for key in of_one})
        purpose = Purpose.COMPANY if kind is EntityKind.ACCOUNT else Purpose.SITE
        for one, of_one in keys.items():
            near = shortlist({key: held[key] for key in of_one if key in held}, purpose)
            if near:
                found[(one, kind)] = near
    return found
