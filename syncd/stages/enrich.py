"""What other tables know of a lead: the account it belongs to, the branch it sits at; exact keys first, then likeness.

Which records there are to choose from is the caller's to read; how like two records are is weighed in `syncd.matching`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncd.lead.branch import name_key, site_key
from syncd.lead.decision import Related
from syncd.matching import COMPANY, SITE, Band, Comparison, Party, Sign, choose, party_of


def find_account(
    values: Mapping[str, Any], by_domain: Sequence[Related], by_name: Sequence[Related]
) -> tuple[str, str] | None:
    """Return (account id, why) for a lead or branch without a stated one; None when nobody or several fit."""
    if len(by_domain) == 1:
        return by_domain[0].id, "mail domain"
    if len(by_name) == 1 and not _contradicts(values, by_name[0].values):
        return by_name[0].id, "company name"
    likely = [*by_domain, *(one for one in by_name if not _contradicts(values, one.values))]
    return _likeliest(_party(values, values.get("company")), likely)


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
    if len(at_site) == 1:
        return at_site[0].id, "customer name and address"
    return _likeliest(_party(values, values.get("customer_name") or values.get("name")), [*by_customer, *agreeing])


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
    return None if hits or account is None else _branch_spelled_otherwise(values, account, branches)


# ---------------------------------------------------------------------------------------------------------------------

# What makes two addresses of one account one door, whatever else is said of them.
_STREET = {Sign.STREET_SAME, Sign.STREET_CLOSE}
_HOUSE = {Sign.HOUSE_SAME, Sign.HOUSE_PART}
_TOWN = {Sign.POSTCODE_SAME, Sign.POSTCODE_CLOSE, Sign.CITY_SAME}
_PLACE_PARTS = ("street", "city", "state", "postcode", "country", "phone")


def _likeliest(mine: Party, candidates: Sequence[Related]) -> tuple[str, str] | None:
    """Return the one account that fits, with the reasons; None when none does, or two about as well."""
    if len(candidates) < 2:
        return None
    others = {one.id: _party(one.values, one.values.get("name"), one.id) for one in candidates}
    found = choose(mine, others.values(), COMPANY)
    if found.band is not Band.LINK or found.best is None:
        return None
    return found.best.id, _words(found.best.comparison)


def _branch_spelled_otherwise(
    values: Mapping[str, Any], account: Related, branches: Sequence[Related]
) -> tuple[Related, str] | None:
    """Look, among the account's branches in this town, for the address with a slip or in other words."""
    near = {
        one.id: one
        for one in branches
        if one.values.get("account") == account.id and _same_town(values, one.values) and values.get("street")
    }
    # The company is known to agree, whatever the branch is called: only the place is asked for.
    mine = _party({name: values.get(name) for name in _PLACE_PARTS}, account.id)
    others = [
        _party({name: one.values.get(name) for name in _PLACE_PARTS}, account.id, one.id) for one in near.values()
    ]
    found = choose(mine, others, SITE)
    if found.band is not Band.LINK or found.best is None:
        return None
    signs = {sign for sign, _ in found.best.comparison.signs}
    if not (signs & _STREET and signs & _HOUSE and signs & _TOWN):
        return None
    return near[found.best.id], _words(found.best.comparison, without=Sign.NAME_SAME)


def _party(values: Mapping[str, Any], name: Any, party_id: str = "") -> Party:
    number = values.get("erp_customer") or values.get("customer")
    return party_of({**values, "name": name, "number": number}, party_id)


def _words(comparison: Comparison, without: Sign | None = None) -> str:
    """Return what speaks for a match, in words and without a weight: a reason must read the same next time."""
    return ", ".join(sign.value for sign, weight in comparison.signs if weight > 0 and sign is not without)


def _same_town(values: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(
        str(mine).casefold()[:4] == str(theirs).casefold()[:4]
        for mine, theirs in ((values.get(name), other.get(name)) for name in ("postcode", "city"))
        if mine and theirs
    )


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
