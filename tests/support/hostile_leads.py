"""Hostile leads and accounts with what is true of each: whose account and branch it is, or nobody's.

Plants are the real ones; what became of them is made up with a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from support.hostile import OTHER, SAME

from syncd.matching import Party


@dataclass(frozen=True, kw_only=True)
class Home:
    """One company that we know: its account and, in another town, one of the same name and street, or none.

    `nobody`: an account at the same address that has a placeholder for a name.
    """

    account: Party
    twin: Party | None
    nobody: Party
    branches: tuple[Party, ...]


@dataclass(frozen=True, kw_only=True)
class Lead:
    """A lead and what is true of it. `sure`: it must be found; else nothing may be said of it but the truth."""

    kind: str
    row: Party
    account: str | None
    branch: str | None
    sure: bool = False


Twist = Callable[[Home, Home, random.Random], Lead]
NOBODY = ("n/a", "N/A", "unknown", "Self Employed", "-", "test", "none", "xxx", "no company", "TBD", "?")
HOSTS = ("ymail.com", "btinternet.com", "t-online.de", "facebook.com", "yahoo.co.uk", "gmail.com")


def homes(plants: list[Party], rng: random.Random) -> list[Home]:
    """Return an account for each plant, with a branch at its address and one elsewhere; every third has a twin."""
    made = []
    for place, plant in enumerate(plants):
        account = replace(plant, id=f"a{place}", number=f"C{place}", domain=f"plant{place}.example")
        twin = replace(account, id=f"t{place}", number=None, domain=None, **_at_another(_OF_TWINS, rng))
        here = replace(plant, id=f"C{place}/S1", number=f"C{place}")
        there = replace(here, id=f"C{place}/S2", street=f"{place + 7} Dock Rd", **_at_another(_OF_TWINS, rng))
        nobody = replace(
            account, id=f"n{place}", name=NOBODY[place % len(NOBODY)], number=None, domain=None, phone=None
        )
        made.append(Home(account=account, twin=None if place % 3 else twin, nobody=nobody, branches=(here, there)))
    return made


def junk(where: str) -> list[Party]:
    """Return accounts that stand in many a CRM and are nobody's: no two of them, in two systems, are one."""
    named = [Party(id=f"{where}, {name}", name=name) for name in NOBODY]
    hosts = [Party(id=f"{where}, {host}", name=f"Users of {where}", domain=f"https://{host}/{where}") for host in HOSTS]
    odd = [
        Party(name="<script>alert(1)</script> Firm", street="'; DROP TABLE account; --", city="%00"),
        Party(name="a" * 255, street="1" * 255, city="é" * 40, postcode="9" * 20),
        Party(name="A", country="Elbonia"),
        Party(name="\u202e\ufeffInc", street="\r\n\t", phone="call me"),
    ]
    return [
        *named,
        *hosts,
        *(replace(one, id=f"{where}, {one.name}", name=f"{one.name} {where}"[-255:]) for one in odd),
    ]


def hostile_leads(known: list[Home], count: int, rng: random.Random) -> list[Lead]:
    """Return leads, each twist as often as the next."""
    made = []
    for number in range(count):
        kind, twist = list(_TWISTS.items())[number % len(_TWISTS)]
        home, other = rng.sample(known, 2)
        lead = twist(home, other, rng)
        email = lead.row.email or f"jo{number}@gmail.com"
        made.append(
            replace(lead, kind=kind, row=replace(lead.row, id="", number=None, email=email.replace("#", f"{number}")))
        )
    return made


# ---------------------------------------------------------------------------------------------------------------------


_OF_TWINS, _OF_LEADS = ("Kaskaskia", "Vandalia", "Cairo"), ("Galena", "Dixon")
_AWAY: dict[str, str | None] = {"street": None, "city": None, "state": None, "postcode": None, "phone": None}


def _at_another(towns: tuple[str, ...], rng: random.Random) -> dict[str, str | None]:
    return {"city": rng.choice(towns), "postcode": f"{rng.randrange(70000, 79999)}", "phone": None}


def _lead(home: Home, sure: bool = False, at: bool = True, **changes: str | None) -> Lead:
    """Return a lead of this company, at its first branch (`at`) or nowhere we know."""
    row = replace(home.account, domain=None, number=None, **changes)
    return Lead(kind="", row=row, account=home.account.id, branch=home.branches[0].id if at else None, sure=sure)


def _nobody(row: Party) -> Lead:
    return Lead(kind="", row=row, account=None, branch=None)


def _same_street(home: Home, other: Home, rng: random.Random) -> Lead:
    """The company is the same, the place is none that we know; where two have that name nobody can say which."""
    lead = _lead(home, at=False, **_at_another(_OF_LEADS, rng))
    return replace(lead, account=None) if home.twin else lead


def _of_twin(home: Home, other: Home, rng: random.Random) -> Lead:
    if home.twin is None:
        return _lead(home, sure=True)
    lead = _lead(home, at=False, street=home.twin.street, city=home.twin.city, postcode=home.twin.postcode, phone=None)
    return replace(lead, account=home.twin.id)


def _name_only(home: Home, other: Home, rng: random.Random) -> Lead:
    lead = _lead(home, at=False, **_AWAY)
    return replace(lead, account=None) if home.twin else lead


def _from_same(twist: str) -> Twist:
    def made(home: Home, other: Home, rng: random.Random) -> Lead:
        lead = _lead(home)
        return replace(lead, row=SAME[twist](lead.row, rng))

    return made


def _from_other(twist: str) -> Twist:
    return lambda home, other, rng: _nobody(OTHER[twist](replace(home.account, domain=None), rng))


_TWISTS: dict[str, Twist] = {
    "plain": lambda h, o, r: _lead(h, sure=True),
    "mail domain": lambda h, o, r: _lead(h, sure=True, email=f"JO.#@{h.account.domain}".upper(), name=None),
    **{kind: _from_same(kind) for kind in SAME},
    **{kind: _from_other(kind) for kind in OTHER if kind != "the same street in another city"},
    "the same street in another city": _same_street,
    "another street of the town": lambda h, o, r: _lead(h, at=False, street="9999 Nowhere Blvd", phone=None),
    "the twin's address": _of_twin,
    "the name alone": _name_only,
    "a placeholder for a company": lambda h, o, r: _nobody(Party(name=r.choice(NOBODY))),
    "a placeholder at the address": lambda h, o, r: _lead(h, name=h.nobody.name),
    "mail at a host of everybody": lambda h, o, r: _nobody(Party(name="Zyx Dental", email=f"jo#@{r.choice(HOSTS)}")),
    "mail of one, address of another": lambda h, o, r: replace(
        _lead(o, at=False, email=f"jo#@{h.account.domain}", name=None, phone=None), account=h.account.id
    ),
    "company of one, address of another": lambda h, o, r: replace(
        _lead(o, at=False, name=h.account.name), account=None if h.twin else h.account.id
    ),
    "company of one, telephone of another": lambda h, o, r: replace(
        _lead(h, at=False, **{**_AWAY, "phone": o.account.phone}), account=None if h.twin else h.account.id
    ),
    "another country": lambda h, o, r: _lead(h, country=r.choice(("DE", "Brazil", "Japan"))),
    "no such country": lambda h, o, r: _lead(h, country=r.choice(("Elbonia", "🏴", "x" * 4096, "<b>US</b>", "0"))),
    "telephone of words": lambda h, o, r: _lead(h, phone=r.choice(("call me", "+", "000-0000", "1" * 400, "☎️"))),
    "postcode of another": lambda h, o, r: _lead(h, postcode=o.account.postcode),
    "street and company swapped": lambda h, o, r: _lead(h, name=h.account.street, street=h.account.name),
    "all in the company": lambda h, o, r: _lead(
        h, **{**_AWAY, "name": f"{h.account.name}, {h.account.street}, {h.account.city}"}
    ),
    "the town for a company": lambda h, o, r: _nobody(Party(name=h.account.city, city=h.account.city)),
    "a mail address for a company": lambda h, o, r: _nobody(Party(name="jo@gmail.com")),
}  # fmt: skip
