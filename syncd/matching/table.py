"""Rows of a table of any make, as parties: which column is what is told by its heading or by whoever brings it.

Reading files is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields, replace

from syncd.matching.evidence import COMPANY, PERSON, SITE, Rules
from syncd.matching.party import Party

# Headings as they are met, in small letters and digits only; the first that a table has is taken.
_KNOWN: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "recid", "recordid", "key", "uid", "uniqueid", "rowid"),
    "name": (
        "name", "name1", "companyname", "company", "accountname", "account", "organisation", "organization",
        "organisationname", "organizationname", "businessname", "business", "customername", "customer", "firm", "title",
        "fullname", "dba", "tradingas", "vendor", "supplier", "provider", "employer", "hospital", "restaurant", "venue",
        "firma", "firmenname", "kunde", "raisonsociale", "societe",
    ),
    "first_name": ("firstname", "givenname", "forename", "first", "fname", "vorname", "prenom"),
    "last_name": ("lastname", "surname", "familyname", "last", "lname", "nachname"),
    "street": (
        "street", "address", "addr", "streetaddress", "address1", "addressline1", "addr1", "line1", "billingstreet",
        "shippingstreet", "fulladdress", "stras", "strasse", "strae", "strasseundhausnummer", "adresse", "rue",
    ),
    "city": (
        "city", "town", "suburb", "locality", "place", "billingcity", "shippingcity", "municipality", "ort01", "ort",
        "stadt", "ville",
    ),
    "state": (
        "state", "region", "province", "stateprovince", "billingstate", "shippingstate", "county", "regio",
        "bundesland",
    ),
    "postcode": (
        "postcode", "zip", "zipcode", "postalcode", "plz", "zip5", "billingpostalcode", "shippingpostalcode", "pstlz",
        "postleitzahl", "codepostal",
    ),
    "country": ("country", "countrycode", "nation", "billingcountry", "shippingcountry", "land1", "land", "pays"),
    "phone": (
        "phone", "telephone", "phonenumber", "tel", "telno", "mobile", "phoneno", "telf1", "telefon", "telefonnummer",
    ),
    "email": ("email", "emailaddress", "mail"),
    "domain": ("domain", "website", "url", "web", "homepage"),
    "number": ("erpnumber", "erpcustomer", "customernumber", "customerno", "kunnr", "taxid", "vat", "socsecid", "ssn"),
    "born": ("born", "dateofbirth", "dob", "birthdate", "birthday", "geburtsdatum"),
}  # fmt: skip
# How a heading ends that is no known one: "Site name", "res_street_address", "ltable_zip", "City/Town".
_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "first_name": ("firstname", "givenname", "forename"),
    "last_name": ("lastname", "surname", "familyname"),
    "street": ("address", "street", "addressline1", "address1", "addr1", "addr"),
    "city": ("city", "town", "suburb", "locality", "citydesc", "cityname"),
    "state": ("state", "province", "statecd", "statecode"),
    "postcode": ("postcode", "zip", "zipcode", "zip5", "postalcode", "pincode"),
    "country": ("country", "countrycode", "countryname"),
    "phone": ("phone", "telephone", "phonenumber", "telephonenumber", "phoneno", "phonenum"),
    "email": ("email", "emailaddress"),
    "domain": ("domain", "website", "url", "homepage"),
    "born": ("dob", "dateofbirth", "birthdate", "birthday"),
}
# Names and addresses of something else.
_NO_NAME = (
    "first", "given", "last", "sur", "family", "middle", "maiden", "user", "file", "city", "town", "county", "state",
    "country", "street", "domain", "host", "contact", "district", "region", "program", "product", "brand", "type",
)  # fmt: skip
_NO_STREET = ("email", "mail", "web", "ip", "mac", "site", "http")
# What stands before the street itself or after it, in tables that have it apart.
_BEFORE_STREET = ("streetnumber", "housenumber", "houseno")
_AFTER_STREET = ("address2", "addressline2", "addr2", "line2")
FIELDS = tuple(one.name for one in fields(Party) if one.name != "facts")

Columns = Mapping[str, Sequence[str]]  # a field of Party -> the headings whose cells, joined, are it


class NoSuchColumn(Exception):
    """A table has no column of that heading, or a party no such field; the text says which there are."""


def guess_columns(headings: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what the headings say by themselves."""
    plain = {_plain(heading): heading for heading in reversed(headings)}
    found: dict[str, tuple[str, ...]] = {}
    for name, known in _KNOWN.items():
        heading = next((plain[one] for one in known if one in plain), None) or _by_its_end(name, headings)
        if heading is not None:
            found[name] = (heading,)
    if "id" not in found and headings and _plain(headings[0]).endswith("id"):
        found["id"] = (headings[0],)
    if "street" in found:
        before = [heading for one, heading in plain.items() if one.endswith(_BEFORE_STREET)][-1:]
        after = [plain[one] for one in _AFTER_STREET if one in plain][:1]
        found["street"] = (*before, *found["street"], *after)
    if "name" not in found and "first_name" not in found and "last_name" in found:
        found["name"] = found.pop("last_name")
    return found


def stated_columns(stated: Iterable[str], headings: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what "street=addr1+addr2" says; "phone=" leaves a field out. Raises NoSuchColumn."""
    found: dict[str, tuple[str, ...]] = {}
    for one in stated:
        name, _, columns = one.partition("=")
        if name.strip() not in FIELDS:
            raise NoSuchColumn(f"{name.strip()!r} is no field of a party; there are {', '.join(FIELDS)}")
        wanted = tuple(column.strip() for column in columns.split("+") if column.strip())
        lacking = [column for column in wanted if column not in headings]
        if lacking:
            raise NoSuchColumn(f"there is no column {lacking[0]!r}; there are {', '.join(headings)}")
        found[name.strip()] = wanted
    return found


def parties(headings: Sequence[str], rows: Iterable[Sequence[str]], columns: Columns) -> Iterator[Party]:
    """Yield a party for each row; one without an id, or with another's, is known by its number, the first being 1."""
    at = {name: [headings.index(one) for one in wanted] for name, wanted in columns.items() if wanted}
    taken: set[str] = set()
    for number, row in enumerate(rows, 1):
        values = {"id": str(number)}
        for name, places in at.items():
            cells = [row[place].strip() for place in places if place < len(row) and row[place]]
            text = " ".join(cell for cell in cells if cell)
            if text and text.casefold() not in _NOTHING:
                values[name] = text
        if values["id"] in taken:
            values["id"] += f" in row {number}"
        taken.add(values["id"])
        yield Party(**values)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to ask of two tables, by what both have."""

    rules: Rules
    why: str


def filled(rows: Iterable[Party]) -> frozenset[str]:
    """Return the fields that any of these has."""
    lacking = set(FIELDS)
    for row in rows:
        lacking -= {name for name in lacking if getattr(row, name)}
        if not lacking:
            break
    return frozenset(FIELDS) - lacking


def question_for(left: Set[str], right: Set[str]) -> Question:
    """Return what can be asked: people where both name them, one place where both have streets, else one company.

    `left`, `right`: the fields that are `filled` in each.
    """
    both = left & right
    if "last_name" in both:
        return Question(rules=PERSON, why="both have last names")
    if "street" in both:
        return Question(rules=replace(SITE, town_suffices=True), why="both have names and streets")
    if both - {"id", "name"}:
        return Question(rules=COMPANY, why="one has no street")
    return Question(rules=replace(COMPANY, kinds=1), why="they have nothing but names in common")


# ---------------------------------------------------------------------------------------------------------------------

_NOTHING = frozenset({
    "", "nan", "null", "none", "n/a", "na", "\\n", "-", "<na>", "#n/a", "nat", "(null)", "nil", "n.a.", "<null>",
})  # fmt: skip


def _by_its_end(name: str, headings: Sequence[str]) -> str | None:
    """Return the first heading that ends as those of this field do."""
    endings = _ENDINGS.get(name, ())
    barred = _NO_NAME if name == "name" else _NO_STREET if name == "street" else ()
    for heading in headings:
        plain = _plain(heading)
        ending = next((one for one in endings if plain.endswith(one)), None)
        if ending is not None and not plain.removesuffix(ending).endswith(barred):
            return heading
    return None


def _plain(heading: str) -> str:
    return re.sub(r"[^a-z0-9]", "", heading.lower().removeprefix("\ufeff"))
