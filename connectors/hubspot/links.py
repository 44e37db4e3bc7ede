"""Associations between records as fields: `associations.<kind>` holds [id to link, id to unlink], either may be None.

A link is written beside its record and never read with it. All are idempotent, so a lost answer is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from connectors.contract import Deferred, FieldInfo, FieldType, Rejected, WriteRequest, WriteResult
from connectors.errors import ConfigProblem, ConnectorError
from connectors.hubspot.branches import BRANCH, COMPANIES, LABEL, Home
from connectors.hubspot.client import LINKS, HubSpotClient, LinkType
from connectors.hubspot.judge import INVALID_IDS, CallRefused, Trouble

PREFIX = "associations."
SPLIT_CALLS = 40  # for one batch; which of its links is to blame is found in several tries, if need be
CHILD_TO_PARENT = LinkType(category="HUBSPOT_DEFINED", id=14)
_LINKED: Mapping[str, Sequence[str]] = {"contacts": (BRANCH,), BRANCH: ("companies",)}


def link_fields(kind: str) -> list[FieldInfo]:
    """Describe the links that records of a kind may have."""
    return [
        FieldInfo(name=f"{PREFIX}{to}", label=f"Associated {to}", type=FieldType.REFERENCE, writable=True)
        for to in _LINKED.get(kind, ())
    ]


def links_in(request: WriteRequest) -> dict[str, Sequence[str | None]]:
    """Return kind -> [id to link, id to unlink]."""
    return {
        name.removeprefix(PREFIX): value if isinstance(value, (list, tuple)) else [value, None]
        for name, value in request.fields.items()
        if name.startswith(PREFIX)
    }


def without_links(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if not name.startswith(PREFIX)}


def put_off(error: ConnectorError) -> Deferred:
    """Return what an error of a later call means for records of which something was written already."""
    stuck = isinstance(error, ConfigProblem)
    return Deferred(error.message, error.retry_after or 0.0, at_large=not stuck, stuck=stuck)


@dataclass(frozen=True, slots=True)
class Link:
    """Two ids of one pair of kinds; `place` is the position of the request that wants it."""

    place: int
    one: str
    other: str


# What became of the links that an answer does not count as made.
Left: TypeAlias = list[tuple[Link, Trouble]]
Act: TypeAlias = Callable[[str, str, Sequence[Link]], Left]


class Linker:
    """Writes the links of many requests, LINKS in a call."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client

    def write(self, requests: Iterable[tuple[int, str, WriteRequest]]) -> dict[int, WriteResult]:
        """Link records that are written: (place, id, request); return what became of those that could not be."""
        new: dict[tuple[str, str], list[Link]] = {}
        old: dict[tuple[str, str], list[Link]] = {}
        for place, record_id, request in requests:
            for kind, (to, before) in links_in(request).items():
                if before and before != to:
                    old.setdefault((request.kind, kind), []).append(Link(place, record_id, before))
                if to:
                    new.setdefault((request.kind, kind), []).append(Link(place, record_id, to))
        troubled: dict[int, WriteResult] = {}
        for group, act in ((old, self._unlink), (new, self._link)):
            for (kind, to), links in group.items():
                left = [link for link in links if link.place not in troubled]
                for start in range(0, len(left), LINKS):
                    troubled |= self._try(kind, to, left[start : start + LINKS], act)
        return troubled

    def _try(self, kind: str, to: str, links: Sequence[Link], act: Act) -> dict[int, WriteResult]:
        """Send links; return what became of those that were not made.

        Where the whole call is refused, those that its answer names are left out, otherwise it is halved.
        """
        troubled: dict[int, WriteResult] = {}
        waiting, calls, named_before = [list(links)], 0, False
        while waiting and calls < SPLIT_CALLS:
            now, calls = waiting.pop(), calls + 1
            try:
                left = act(kind, to, now)
            except CallRefused as error:
                named = [link for link in now if self._is_named(kind, to, link, error.trouble)]
                bad = now if len(now) == 1 else named
                if act != self._unlink or error.code != INVALID_IDS:  # who is gone took the associations along
                    troubled |= {link.place: _refused(kind, to, link, error.trouble) for link in bad}
                rest = [link for link in now if link not in bad]
                # An answer that names them a few at a time would take as many calls as there are.
                halves = (rest[: len(rest) // 2], rest[len(rest) // 2 :]) if named_before or not named else (rest,)
                waiting += [half for half in reversed(halves) if half]
                named_before = bool(named)
            except ConnectorError as error:
                return troubled | {link.place: put_off(error) for each in (now, *waiting) for link in each}
            else:
                troubled |= {link.place: _told(kind, to, link, trouble) for link, trouble in left}
        words = (
            f"HubSpot refused to associate {kind} with {to}; which of them is to blame is looked for by the next tries"
        )
        return troubled | {link.place: Deferred(words) for each in waiting for link in each}

    def _link(self, kind: str, to: str, links: Sequence[Link]) -> Left:
        pairs = [(link.one, link.other) for link in links]
        batch = self._client.associate(kind, to, pairs, self._type(kind, to))
        if not batch.errors:
            return []
        made = {_ends(row) for row in batch.rows}
        later = next((one for one in batch.errors if not one.final), None)
        if batch.rows and made.isdisjoint(pairs):  # of what was made, in a form that is not known
            later = replace(batch.errors[0], final=False)
        left: Left = []
        for link in links:
            if (link.one, link.other) not in made:
                told = next((one for one in batch.errors if self._is_named(kind, to, link, one)), None)
                left.append((link, told or later or batch.errors[0]))
        return left

    def _unlink(self, kind: str, to: str, links: Sequence[Link]) -> Left:
        type_ = self._type(kind, to)
        # Between companies and contacts people make plain links of their own: only our label is taken away.
        plain = not (self._among_companies() and to == BRANCH) or type_ is None
        self._client.dissociate(kind, to, [(link.one, link.other) for link in links], None if plain else type_)
        return []

    def _is_named(self, kind: str, to: str, link: Link, trouble: Trouble) -> bool:
        """Tell whether an error names one of the two records; an id alone could be the other one's."""
        return any(
            id == end and _WORDS.get(word.upper(), "") == (known if known in _WORDS.values() else "")
            for word, id in trouble.invalid
            for end, known in ((link.one, self._client.object(kind)), (link.other, self._client.object(to)))
        )

    def _type(self, kind: str, to: str) -> LinkType | None:
        """Return how they are linked; None: plainly."""
        if kind == BRANCH and to in COMPANIES:
            return CHILD_TO_PARENT if self._among_companies() else None
        return self._client.label(kind, to, LABEL)

    def _among_companies(self) -> bool:
        return self._client.branches.choose(self._client).home is Home.CHILD_COMPANIES


# ---------------------------------------------------------------------------------------------------------------------

_WORDS = {"CONTACT": "contacts", "COMPANY": "companies"}  # HubSpot's for the kinds; any other is a custom object's


def _refused(kind: str, to: str, link: Link, why: Trouble) -> Rejected:
    words = f"HubSpot refused to associate {kind} {link.one} with {to} {link.other}: {why.code}"
    return Rejected(why.code, f"{words}; one of the two may be deleted or merged", f"{PREFIX}{to}")


def _told(kind: str, to: str, link: Link, why: Trouble) -> WriteResult:
    if why.final:
        return _refused(kind, to, link, why)
    return Deferred(f"HubSpot could not associate {kind} with {to} now: {why.code}")


def _ends(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the ids of an association that was made, in either of the forms that the two batch calls answer."""
    one, other = row.get("from"), row.get("to")
    if isinstance(one, dict) and isinstance(other, dict):
        return str(one.get("id")), str(other.get("id"))
    return str(row.get("fromObjectId")), str(row.get("toObjectId"))
