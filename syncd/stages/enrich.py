"""What other tables know of a lead: the account it belongs to, the branch it sits at; exact keys first, then likeness.

Which records there are to choose from is the caller's to read; how like two records are is weighed in `syncd.matching`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any, TypeAlias

from syncd.lead.branch import name_key, number_keys, site_key
from syncd.lead.decision import Likely, Question, Related
from syncd.lead.definition import Definition, EntityKind, Matching
from syncd.matching import (
    COMPANY,
    PERSON,
    SITE,
    Band,
    Candidate,
    Comparison,
    Found,
    Frequencies,
    Party,
    Purpose,
    Rules,
    Sign,
    block_keys,
    break_tie,
    choose,
    compare,
    form_of,
    mail_domain,
    party_of,
)
from syncd.matching.site import is_stated

AccountFound: TypeAlias = tuple[str, str] | Question | None  # (id, why), what a person must say, or nobody
BranchFound: TypeAlias = tuple[Related, str] | Question | None


def rules_of(definition: Definition, about: EntityKind) -> Rules:
    """Return how it is judged to which account or branch somebody belongs, or which lead is the same person."""
    return with_stated(_RULES[about], definition.matching.get(about, Matching()))


def with_stated(rules: Rules, stated: Matching) -> Rules:
    """Return the rules with what is stated in place of the usual."""
    limits = {name: getattr(stated, name) for name in ("link", "review", "margin")}
    changed: dict[str, Any] = {name: value for name, value in limits.items() if value is not None}
    for sign, bits in stated.weights.items():
        changed |= {"name_most": bits} if sign == "name" else {sign: (bits, getattr(rules, sign)[1])}
    if stated.prefer:
        changed["ties"] = tuple(map(str, stated.prefer))
    return replace(rules, **changed) if changed else rules


def find_account(
    values: Mapping[str, Any],
    by_domain: Sequence[Related],
    by_name: Sequence[Related],
    alike: Sequence[Related] = (),
    rules: Rules = COMPANY,
) -> AccountFound:
    """Return (account id, why) for a lead without a stated one. `alike`: what shares keys of likeness with it."""
    if len(by_domain) == 1:
        return by_domain[0].id, "mail domain"
    if len(by_name) == 1 and not _contradicts(values, by_name[0].values):
        return by_name[0].id, "company name"
    likely = [*by_domain, *(one for one in by_name if not _contradicts(values, one.values))]
    if not likely and not alike:
        return None
    mine = _party(values, values.get("company"))
    return _likeliest(mine, likely, rules) if likely else _resembling(mine, alike, rules)


def account_of_branch(
    values: Mapping[str, Any],
    by_customer: Sequence[Related],
    by_name: Sequence[Related],
    alike: Sequence[Related] = (),
    rules: Rules = COMPANY,
) -> AccountFound:
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
    likely = [*by_customer, *agreeing]
    mine = _party(values, values.get("customer_name") or values.get("name"))
    return _likeliest(mine, likely, rules) if likely else _resembling(mine, alike, rules)


def find_branch(
    values: Mapping[str, Any],
    account: Related | None,
    branches: Sequence[Related],
    alike: Sequence[Related] = (),
    rules: Rules = SITE,
    kin: Mapping[str, str] | None = None,
) -> BranchFound:
    """Return the branch somebody sits at, and why: its account agrees and the address, the telephone or the site does.

    `kin`: the other accounts of the account's tree and what they are to it; a branch of theirs is meant where none of
    the account's own fits.

    A site is what the lead's field of that name says, where the definition has one; where it names another branch than
    address and telephone do, that is a question. Without an account the branch's own name or its customer's must be
    the lead's company; failing that, one of `alike` may be it as a whole. A blocked branch is meant where no open one
    fits.
    """
    if not branches and (account is not None or not alike):
        return None
    agreeing = [branch for branch in branches if _company_agrees(values, account, branch)]
    hits = _fitting(values, account, agreeing, {account.id} if account is not None else ())
    if not hits and kin:
        hits = _fitting(values, account, [one for one in branches if one.values.get("account") in kin], kin)
    if any(why == _BY_PHONE and _is_elsewhere(values, branch.values) for branch, why in hits):
        # One number may be that of all sites: no tie-breaker takes it for more than where somebody says they are.
        return _weighed_question(values, hits, rules, _ELSEWHERE if len(hits) == 1 else None)
    whose = {branch.id: (kin or {}).get(branch.values.get("account", "")) for branch, _ in hits}
    hits = [(branch, f"{why}, a branch of {whose[branch.id]}" if whose[branch.id] else why) for branch, why in hits]
    if len({branch.id for branch, _ in hits}) == 1:
        return hits[0]
    if hits:
        return _several_branches(values, hits, rules)
    if account is not None:
        open_ones = [branch for branch in branches if _is_open(branch)]
        found = _branch_spelled_otherwise(values, account, open_ones, rules)
        return found or _branch_spelled_otherwise(values, account, branches, rules)
    mine = _party(values, values.get("company"))
    likely = _resembling(mine, [one for one in alike if _is_open(one)], rules) or _resembling(mine, alike, rules)
    if not isinstance(likely, tuple):
        return likely
    return next(one for one in alike if one.id == likely[0]), likely[1]


def as_compared(
    kind: EntityKind, who: Related, candidate: Related, about: EntityKind, alike: Sequence[Related]
) -> tuple[Party, Party, Frequencies]:
    """Return how a lead or a branch and the account or branch it may belong to are compared when a person is asked.

    `alike`: what shares keys of likeness with it. Whom an exact key finds is one of a few, and not of the whole table.
    """
    mine, theirs = who.values, candidate.values
    account = mine.get("account")
    if about is EntityKind.BRANCH and account is not None and account == theirs.get("account"):
        if not _is_at(mine, theirs):
            return _place_of(mine, account, who.id), _place_of(theirs, account, candidate.id), Frequencies()
        exact = True
    elif about is EntityKind.BRANCH:
        exact = _company_agrees(mine, None, candidate) and _is_at(mine, theirs)
    else:
        exact = _shares_key(kind, mine, theirs)
    name = mine.get("company") if kind is EntityKind.LEAD else mine.get("customer_name") or mine.get("name")
    parties = _party(mine, name, who.id), _party(theirs, theirs.get("name"), candidate.id)
    if exact:
        return *parties, Frequencies()
    others = {one.id: one for one in (*alike, candidate)}.values()
    return *parties, Frequencies.shortlisted(form_of(_party(one.values, one.values.get("name"))) for one in others)


def candidate_of(values: Mapping[str, Any], id: str) -> Party:
    """Return how an account or branch is compared as one that somebody may belong to."""
    return _party(values, values.get("name"), id)


def kept_keys(kind: EntityKind, values: Mapping[str, Any]) -> list[str]:
    """Return the keys under which an account or branch is kept, so that what resembles it finds it."""
    if kind is EntityKind.ACCOUNT:
        return _block_keys(_party(values, values.get("name")))
    return [key for key in _block_keys(_party(values, None)) if key[0] in _PLACE_KEYS]


def sought_keys(kind: EntityKind, values: Mapping[str, Any], of: EntityKind) -> list[str]:
    """Return the keys under which the accounts (or branches: `of`) are kept that this lead or branch may belong to."""
    name = values.get("company") if kind is EntityKind.LEAD else values.get("customer_name") or values.get("name")
    keys = _block_keys(_party(values, name))
    return keys if of is EntityKind.ACCOUNT else [key for key in keys if key[0] in _PLACE_KEYS]


# ---------------------------------------------------------------------------------------------------------------------

_RULES = {EntityKind.ACCOUNT: COMPANY, EntityKind.BRANCH: SITE, EntityKind.LEAD: PERSON}
# What makes two addresses of one account one door, whatever else is said of them.
_STREET = {Sign.STREET_SAME, Sign.STREET_CLOSE}
_HOUSE = {Sign.HOUSE_SAME, Sign.HOUSE_PART}
_WHOEVER = {Sign.NUMBER_SAME, Sign.DOMAIN_SAME, Sign.PHONE_SAME}
_NO_DOOR = "no house number says which door"
_OTHER_DOOR = {Sign.HOUSE_OTHER, Sign.WAY_OTHER, Sign.BOX_OTHER}
_OTHER_STREET = {*_OTHER_DOOR, Sign.STREET_OTHER}
_ZONE = {Sign.POSTCODE_SAME, Sign.POSTCODE_CLOSE}
_BY_PHONE = "same telephone"
_ELSEWHERE = "the address is another"
_TOWN = {Sign.POSTCODE_SAME, Sign.POSTCODE_CLOSE, Sign.CITY_SAME}
_PLACE_PARTS = ("street", "city", "state", "postcode", "country", "phone")


# A hundred thousand branches are kept under keys of their place only: a lead that has no address sits at none.
_PLACE_KEYS = frozenset("hzsop")
_SHOWN = 2
_LONGEST_KEY = 100


def _block_keys(party: Party) -> list[str]:
    """A page of text in a field of an address makes keys as long; what is cut off tells nobody apart."""
    return [key[:_LONGEST_KEY] for key in block_keys(form_of(party))]


def _likeliest(mine: Party, candidates: Sequence[Related], rules: Rules) -> AccountFound:
    """Return the one account that fits, with the reasons; of those that an exact key found."""
    if len(candidates) < 2:
        return None
    parties = _parties(candidates, rules)
    found = choose(mine, parties, rules, most=len(parties))
    if found.band is Band.REVIEW and rules.ties:
        # One alone would be linked by the key they share; of several the tie-breakers may say which.
        best = found.candidates[0].comparison.weight
        level = [one.id for one in found.candidates if best - one.comparison.weight < rules.margin]
        preferred = break_tie({one.id: one.facts for one in parties if one.id in level}, rules)
        if preferred is not None:
            comparison = next(one.comparison for one in found.candidates if one.id == preferred[0])
            near = f"{max(found.margin, 0.0):.1f} bits from {_told([one for one in level if one != preferred[0]])}"
            return preferred[0], f"{_words(comparison)}; {near}, preferred: {preferred[1]}"
    return _outcome(found, EntityKind.ACCOUNT)


def _resembling(mine: Party, alike: Sequence[Related], rules: Rules) -> AccountFound:
    """Return the one that fits among those found by likeness alone; how rare their words are is told by them."""
    if not alike:
        return None
    others = _parties(alike, rules)
    found = choose(mine, others, rules, Frequencies.shortlisted(map(form_of, others)))
    if found.band is Band.REVIEW:  # two companies at one address are no question, however many share the building
        found = replace(found, candidates=tuple(one for one in found.candidates if _may_be(one.comparison)))
    return _outcome(found, EntityKind.BRANCH if rules.purpose is Purpose.SITE else EntityKind.ACCOUNT)


def _may_be(comparison: Comparison) -> bool:
    signs = {sign for sign, _ in comparison.signs}
    return Sign.NAME_OTHER not in signs or bool(signs & _WHOEVER)


def _parties(candidates: Sequence[Related], rules: Rules) -> list[Party]:
    distinct = {one.id: one for one in candidates}.values()
    parties = [_party(one.values, one.values.get("name"), one.id) for one in distinct]
    if not rules.ties:
        return parties
    return [replace(party, facts=_facts(one.values, rules)) for party, one in zip(parties, distinct, strict=True)]


def _facts(values: Mapping[str, Any], rules: Rules) -> dict[str, float]:
    """Return what each tie-breaker says of a candidate, more being better; one without a value comes last."""
    facts = {}
    for tie in rules.ties:
        sense, _, name = tie.partition(" ")
        value = values.get(name)
        if sense in ("has", "lacks"):
            facts[tie] = float((value not in (None, "", [])) is (sense == "has"))
        else:
            size = _size(value)
            facts[tie] = -inf if size is None else size if sense == "most" else -size
    return facts


def _size(value: Any) -> float | None:
    """Return a number as it is, and a date or a time as its digits: later is greater."""
    if isinstance(value, str):
        digits = "".join(ch for ch in value if ch.isdigit())
        return float(digits.ljust(14, "0")) if digits else None
    return None if value is None else float(value)


def _outcome(found: Found, about: EntityKind, without: Sign | None = None) -> AccountFound:
    if found.best is None or found.band is Band.NO:
        return None
    if found.band is Band.LINK:
        words = _words(found.best.comparison, without)
        if found.tie_broken_by is None:
            return found.best.id, words
        near = f"{max(found.margin, 0.0):.1f} bits from {_told(found.level)}"
        return found.best.id, f"{words}; {near}, preferred: {found.tie_broken_by}"
    return _question(found.candidates, about, without)


def _question(candidates: Sequence[Candidate], about: EntityKind, without: Sign | None = None) -> Question:
    return Question(
        about=about,
        candidates=tuple(
            Likely(
                id=one.id,
                weight=one.comparison.weight,
                signs=one.comparison.told(without),
                hold=one.comparison.hold.value if one.comparison.hold else None,
            )
            for one in candidates[:_SHOWN]
        ),
    )


def _told(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1} more"


def _several_branches(values: Mapping[str, Any], hits: Sequence[tuple[Related, str]], rules: Rules) -> BranchFound:
    """Say which of the branches that fit exactly it is, as when one address stands in the ERP twice, or ask."""
    parties = _parties([branch for branch, _ in hits], rules)
    preferred = break_tie({one.id: one.facts for one in parties}, rules)
    if preferred is not None:
        branch, why = next(hit for hit in hits if hit[0].id == preferred[0])
        others = sorted({one.id for one in parties} - {branch.id})
        return branch, f"{why}; as likely as {_told(others)}, preferred: {preferred[1]}"
    return _weighed_question(values, hits, rules)


def _weighed_question(
    values: Mapping[str, Any], hits: Sequence[tuple[Related, str]], rules: Rules, hold: str | None = None
) -> Question:
    """Ask which of these it is; `hold`: why one alone is asked about."""
    mine = _party(values, values.get("company"))
    parties = _parties([branch for branch, _ in hits], rules)
    weighed = [Candidate(id=one.id, comparison=compare(mine, one, rules)) for one in parties]
    weighed.sort(key=lambda one: (-one.comparison.weight, one.id))
    asked = _question(weighed, EntityKind.BRANCH)
    held = tuple(replace(one, hold=hold or one.hold) for one in asked.candidates)
    return replace(asked, candidates=held)


def _is_elsewhere(values: Mapping[str, Any], branch: Mapping[str, Any]) -> bool:
    """Whether somebody's own address is another than the branch's."""
    said = {sign for sign, _ in compare(_place_of(values, "same"), _place_of(branch, "same"), SITE).signs}
    if said & _OTHER_STREET or (Sign.CITY_OTHER in said and not said & _ZONE):
        return True
    return Sign.POSTCODE_OTHER in said and not said & {Sign.CITY_SAME, Sign.CITY_CLOSE}


def _is_open(branch: Related) -> bool:
    return branch.values.get("blocked") is not True


def _fitting(
    values: Mapping[str, Any], account: Related | None, branches: Sequence[Related], of: Collection[str]
) -> list[tuple[Related, str]]:
    """Return those of the branches that are meant by address, telephone or stated site; open ones before blocked ones.

    `of`: the accounts whose branches a stated site may name.
    """
    here = site_key(values.get("street"), values.get("postcode"))
    phone = values.get("phone")
    hits: list[tuple[Related, str]] = []
    for branch in branches:
        if here and here == site_key(branch.values.get("street"), branch.values.get("postcode")):
            hits.append((branch, "same street and postcode"))
        elif phone and phone == branch.values.get("phone"):
            hits.append((branch, _BY_PHONE))
    hits = _with_site(values.get("site"), account, [one for one in branches if one.values.get("account") in of], hits)
    return [hit for hit in hits if _is_open(hit[0])] or hits


def _with_site(
    site: Any, account: Related | None, ours: Sequence[Related], hits: list[tuple[Related, str]]
) -> list[tuple[Related, str]]:
    """Add the branches that a lead of this account says it sits at; of those that fit anyhow, leave only these."""
    if site is None or account is None:
        return hits
    stated = {one.id: one for one in ours if is_stated(site, account.values.get("name"), one.values)}
    both = [(branch, f"{why}, stated site") for branch, why in hits if branch.id in stated]
    return both or [*hits, *((branch, "stated site") for branch in stated.values())]


def _branch_spelled_otherwise(
    values: Mapping[str, Any], account: Related, branches: Sequence[Related], rules: Rules
) -> BranchFound:
    """Look, among the account's branches in this town, for the address with a slip or in other words."""
    near = {
        one.id: one
        for one in branches
        if one.values.get("account") == account.id and _same_town(values, one.values) and values.get("street")
    }
    # The company is known to agree, whatever the branch is called: only the place is asked for.
    mine = _place_of(values, account.id)
    found = choose(mine, [_place_of(one.values, account.id, one.id) for one in near.values()], rules)
    if found.best is None or found.band is Band.NO:
        return None
    signs = {sign for sign, _ in found.best.comparison.signs}
    if not (signs & _STREET and signs & _TOWN) or signs & _OTHER_DOOR:
        return None
    if found.band is Band.LINK and signs & _HOUSE:
        return near[found.best.id], _words(found.best.comparison, without=Sign.NAME_SAME)
    asked = _question(found.candidates, EntityKind.BRANCH, Sign.NAME_SAME)
    first = asked.candidates[0]
    return replace(asked, candidates=(replace(first, hold=first.hold or _NO_DOOR), *asked.candidates[1:]))


def _party(values: Mapping[str, Any], name: Any, party_id: str = "") -> Party:
    number = values.get("erp_customer") or values.get("customer")
    domain = values.get("domain") or values.get("website")
    return party_of({**values, "name": name, "number": number, "domain": domain}, party_id)


def _place_of(values: Mapping[str, Any], account: str, party_id: str = "") -> Party:
    return _party({name: values.get(name) for name in _PLACE_PARTS}, account, party_id)


def _words(comparison: Comparison, without: Sign | None = None) -> str:
    """Return what speaks for a match, in words and without a weight: a reason must read the same next time."""
    return ", ".join(sign.value for sign, weight in comparison.signs if weight > 0 and sign is not without)


def _same_town(values: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(
        str(mine).casefold()[:4] == str(theirs).casefold()[:4]
        for mine, theirs in ((values.get(name), other.get(name)) for name in ("postcode", "city"))
        if mine and theirs
    )


def _is_at(values: Mapping[str, Any], branch: Mapping[str, Any]) -> bool:
    """Whether street and postcode, or the telephone, say that a lead sits at this branch."""
    here, phone = site_key(values.get("street"), values.get("postcode")), values.get("phone")
    there = site_key(branch.get("street"), branch.get("postcode"))
    return bool((here and here == there) or (phone and phone == branch.get("phone")))


def _shares_key(kind: EntityKind, values: Mapping[str, Any], account: Mapping[str, Any]) -> bool:
    """Whether an exact key finds this account."""
    if kind is EntityKind.LEAD:
        pairs = ((mail_domain(values.get("email")), "domain"), (name_key(values.get("company")), "name"))
    else:
        number = "".join(number_keys(values.get("customer"))[-1:])
        pairs = ((number or None, "erp_customer"), (name_key(values.get("customer_name")), "name"))
    number = "".join(number_keys(account.get("erp_customer"))[-1:])
    told = {**account, "name": name_key(account.get("name")), "erp_customer": number}
    return any(value is not None and value == told.get(name) for value, name in pairs)


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
