"""Puts leads and branches under the account, and leads at the branch, that no record states: merge -> enrich.

Who is near them was read by syncd.pipeline.batch; which of those it is, syncd.stages.enrich says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.lead.branch import name_key, number_keys, site_key
from syncd.lead.decision import EntityView, Origin, Question, Related
from syncd.lead.definition import EntityKind
from syncd.mapping.model import KindMap, Method
from syncd.matching import mail_domain
from syncd.pipeline.batch import Batch
from syncd.stages.enrich import AccountFound, account_of_branch, find_account, find_branch

_NAMES = ("company", "name", "customer_name")


def place_lead(
    batch: Batch, view: EntityView, values: dict[str, Any], provenance: dict[str, Any]
) -> tuple[tuple[Related, str] | None, Question | None]:
    """Add the account and the branch; return (the branch and why, what a person must say about either)."""
    whose = None
    told = _told(batch, values)
    if values.get("account") is None:
        found = batch.said(view, EntityKind.ACCOUNT) or find_account(
            told,
            batch.possible(view, batch.find(EntityKind.ACCOUNT, "domain", mail_domain(told.get("email")))),
            batch.possible(view, batch.find(EntityKind.ACCOUNT, "name", name_key(told.get("company")))),
            batch.alike(view, EntityKind.ACCOUNT),
            batch.rules[EntityKind.ACCOUNT],
        )
        whose = _take(view, values, provenance, "account", found, batch.now)
    account = batch.related.get(values.get("account") or "")
    if values.get("branch") is not None and values["branch"] in batch.related:
        return (batch.related[values["branch"]], "stated"), whose
    branch, where = _find_branch(batch, view, told, account)
    if branch is not None:
        _add_found(view, values, provenance, "branch", (branch[0].id, branch[1]), batch.now)
        if account is None and branch[0].values.get("account"):
            _add_found(view, values, provenance, "account", (branch[0].values["account"], "its branch"), batch.now)
            whose = None
    return branch, whose or where


def fill_from_account(batch: Batch, values: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Fill what no record of a lead says and the definition takes from its account, as old and as sure as there."""
    account = batch.related.get(values.get("account") or "")
    if account is None:
        return
    for name, field in batch.mappings.definition.fields[EntityKind.LEAD].items():
        value = account.values.get(field.from_account) if field.from_account else None
        if value is None or values.get(name) is not None:
            continue
        values[name] = value
        origin = Origin(*account.provenance[str(field.from_account)])
        provenance[name] = [*origin._replace(rule=f"its account's {field.from_account}, {origin.rule}")]


def seen_from(batch: Batch, kind_map: KindMap, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out a branch that the record's system does not have: look-up, flag and what is told of it then agree."""
    line = kind_map.fields.get("branch")
    branch = batch.related.get(values.get("branch") or "")
    if branch is None or line is None or line.refers_to is None or line.writes is None or line.beside:
        return values
    if (kind_map.system, line.refers_to[1]) in branch.records:
        return values
    return {name: None if name == "branch" or name.startswith("branch_") else one for name, one in values.items()}


def place_branch(batch: Batch, view: EntityView, values: dict[str, Any], provenance: dict[str, Any]) -> Question | None:
    """Add the account of a branch; return what a person must say about it."""
    if values.get("account") is not None:
        return None
    told = _told(batch, values)
    found = batch.said(view, EntityKind.ACCOUNT) or account_of_branch(
        told,
        batch.possible(view, _of_number(batch, told.get("customer"))),
        batch.possible(view, batch.find(EntityKind.ACCOUNT, "name", name_key(told.get("customer_name")))),
        batch.alike(view, EntityKind.ACCOUNT),
        batch.rules[EntityKind.ACCOUNT],
    )
    return _take(view, values, provenance, "account", found or _of_parent(batch, view, values), batch.now)


# ---------------------------------------------------------------------------------------------------------------------


def _told(batch: Batch, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out names that are placeholders: two of whom nobody knows are not one."""
    blank = {name for name in _NAMES if batch.mappings.definition.is_placeholder(values.get(name))}
    return {name: None if name in blank else value for name, value in values.items()} if blank else values


def _of_parent(batch: Batch, view: EntityView, values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the account of the customer above, for a branch whose own customer nobody knows."""
    above = batch.possible(view, _of_number(batch, values.get("parent_customer")))
    return (above[0].id, "ERP customer number of the parent") if len(above) == 1 else None


def _of_number(batch: Batch, number: str | None) -> list[Related]:
    """Return the accounts with this ERP number; those that spell it alike come before those that pad it otherwise."""
    found = (batch.find(EntityKind.ACCOUNT, "erp_customer", key) for key in number_keys(number))
    return next(filter(None, found), [])


def _find_branch(
    batch: Batch, view: EntityView, values: Mapping[str, Any], account: Related | None
) -> tuple[tuple[Related, str] | None, Question | None]:
    said = batch.said(view, EntityKind.BRANCH)
    if said is not None:
        return (batch.related[said[0]], said[1]), None
    kin = batch.tree.kin(account.id) if account else {}
    here = [one for of in (account.id, *kin) for one in batch.find(EntityKind.BRANCH, "account", of)] if account else []
    here += batch.find(EntityKind.BRANCH, "site", site_key(values.get("street"), values.get("postcode")))
    known = list({one.id: one for one in here}.values())
    rules = batch.rules[EntityKind.BRANCH]
    found = find_branch(values, account, batch.possible(view, known), batch.alike(view, EntityKind.BRANCH), rules, kin)
    return (None, found) if isinstance(found, Question) else (found, None)


def _take(
    view: EntityView, values: dict[str, Any], provenance: dict[str, Any], name: str, found: AccountFound, now: int
) -> Question | None:
    """Add what was found; return the question that it is instead."""
    if isinstance(found, Question):
        return found
    _add_found(view, values, provenance, name, found, now)
    return None


def _add_found(
    view: EntityView,
    values: dict[str, Any],
    provenance: dict[str, Any],
    name: str,
    found: tuple[str, str] | None,
    now: int,
) -> None:
    """Add what no record states and syncd found by matching; found again, it is as old as it was."""
    if found is None:
        return
    values[name] = found[0]
    origin = Origin("syncd", "match", "", now, found[1], Method.INFERRED.rank)
    before = view.provenance.get(name)
    if before is not None and view.values.get(name) == found[0] and Origin(*before).rule == origin.rule:
        origin = origin._replace(at=Origin(*before).at)
    provenance[name] = [*origin]
