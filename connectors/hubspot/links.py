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
    told = getattr(error, "retry_after", None) or 0.0
    stuck = isinstance(error, ConfigProblem)
    return Deferred(error.message, told, at_large=not stuck, stuck=stuck)


@dataclass(frozen=True, slots=True)
class Link:
    """Two ids of one pair of kinds; `place` is the position of the request that wants it."""

    place: int
    one: str
    other: str


# The links that an answer counts as refused, and why; none and None when all went well.
Refused: TypeAlias = tuple[Sequence[Link], Trouble | None]
Act: TypeAlias = Callable[[str, str, Sequence[Link]], Refused]


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
        """Send links; those that are refused are halved until each bad one stands alone."""
        try:
            refused, why = act(kind, to, links)
        except CallRefused as error:
            refused, why = links, replace(error.trouble, final=True)
        except ConnectorError as error:
            return {link.place: put_off(error) for link in links}
        if why is None:
            return {}
        if not why.final:
            reason = f"HubSpot could not associate {kind} with {to} now: {why.code}"
            return {link.place: Deferred(reason) for link in refused}
        if len(refused) > 1:
            half = len(refused) // 2
            return self._try(kind, to, refused[:half], act) | self._try(kind, to, refused[half:], act)
        (bad,) = refused
        words = f"HubSpot refused to associate {kind} {bad.one} with {to} {bad.other}: {why.code}"
        return {bad.place: Rejected(why.code, f"{words}; one of the two may be deleted or merged", f"{PREFIX}{to}")}

    def _link(self, kind: str, to: str, links: Sequence[Link]) -> Refused:
        pairs = [(link.one, link.other) for link in links]
        batch = self._client.associate(kind, to, pairs, self._type(kind, to))
        if not batch.errors:
            return (), None
        made = {_ends(row) for row in batch.rows}
        left = [link for link in links if (link.one, link.other) not in made]
        return left or links, next((one for one in batch.errors if one.final), batch.errors[0])

    def _unlink(self, kind: str, to: str, links: Sequence[Link]) -> Refused:
        type_ = self._type(kind, to)
        # Between companies and contacts people make plain links of their own: only our label is taken away.
        plain = not (self._among_companies() and to == BRANCH) or type_ is None
        pairs = [(link.one, link.other) for link in links]
        try:
            self._client.dissociate(kind, to, pairs, None if plain else type_)
        except CallRefused as refused:
            if len(links) > 1 or refused.trouble.code != INVALID_IDS:
                raise  # a record that is gone takes its associations along
        return (), None

    def _type(self, kind: str, to: str) -> LinkType | None:
        """Return how they are linked; None: plainly."""
        if kind == BRANCH and to in COMPANIES:
            return CHILD_TO_PARENT if self._among_companies() else None
        return self._client.label(kind, to, LABEL)

    def _among_companies(self) -> bool:
        return self._client.branches.choose(self._client).home is Home.CHILD_COMPANIES


# ---------------------------------------------------------------------------------------------------------------------


def _ends(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the ids of an association that was made, in either of the forms that the two batch calls answer."""
    one, other = row.get("from"), row.get("to")
    if isinstance(one, dict) and isinstance(other, dict):
        return str(one.get("id")), str(other.get("id"))
    return str(row.get("fromObjectId")), str(row.get("toObjectId"))
