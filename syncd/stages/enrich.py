"""What other tables know of a lead: the account it belongs to, the branch it sits at; exact keys only.

Which records there are to choose from is the caller's to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.lead.branch import name_key, site_key
from syncd.lead.decision import Related


def find_account(
    values: Mapping[str, Any], by_domain: Sequence[Related], by_name: Sequence[Related]
) -> tuple[str, str] | None:
    """Return (account id, why) for a lead or branch without a stated one; None when nobody or several fit."""
    if len(by_domain) == 1:
        return by_domain[0].id, "mail domain"
    if len(by_name) == 1 and not _contradicts(values, by_name[0].values):
        return by_name[0].id, "company name"
    return None


def account_of_branch(
    values: Mapping[str, Any], by_customer: Sequence[Related], by_name: Sequence[Related]
) -> tuple[str, str] | None:
    """Return (account id, why) for a branch: the ERP customer number first, then name and address."""
    if len(by_customer) == 1:
        return by_customer[0].id, "ERP customer number"
    agreeing = [one for one in by_name if not _contradicts(values, one.values)]
    if len(agreeing) == 1:
        return agreeing[0].id, "customer name"
    here = site_key(values.get("street"), values.get("postcode"))
    at_site = [
        one for one in agreeing if here and here == site_key(one.values.get("street"), one.values.get("postcode"))
    ]
    return (at_site[0].id, "customer name and address") if len(at_site) == 1 else None


def find_branch(
    values: Mapping[str, Any], account: Related | None, branches: Sequence[Related]
) -> tuple[Related, str] | None:
    """Return the branch somebody sits at, and why: its account agrees and the address or the telephone does.

    Without an account the branch's own name or its customer's must be the lead's company.
    """
    here = site_key(values.get("street"), values.get("postcode"))
    phone = values.get("phone")
    hits: list[tuple[Related, str]] = []
    for branch in branches:
        if not _company_agrees(values, account, branch):
            continue
        if here and here == site_key(branch.values.get("street"), branch.values.get("postcode")):
            hits.append((branch, "same street and postcode"))
        elif phone and phone == branch.values.get("phone"):
            hits.append((branch, "same telephone"))
    if len({branch.id for branch, _ in hits}) == 1:
        return hits[0]
    return None


# ---------------------------------------------------------------------------------------------------------------------


def _company_agrees(values: Mapping[str, Any], account: Related | None, branch: Related) -> bool:
    if account is not None and branch.values.get("account") is not None:
        return bool(branch.values["account"] == account.id)
    company = name_key(values.get("company"))
    return company is not None and company in (
        name_key(branch.values.get("name")),
        name_key(branch.values.get("customer_name")),
    )


def _contradicts(values: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Two places that both name a country, and not the same one, are not one company's for an exact key."""
    mine, theirs = values.get("country"), other.get("country")
    return mine is not None and theirs is not None and mine != theirs
