"""Associations between records as fields: `associations.<kind>` holds [id to link, id to unlink], either may be None.

A link is written beside its record and never read with it. All are idempotent, so a lost answer is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.contract import Deferred, FieldInfo, FieldType, Rejected, WriteRequest, WriteResult
from connectors.errors import ConnectorError
from connectors.hubspot.branches import BRANCH, COMPANIES, LABEL, Home
from connectors.hubspot.client import LINKS, HubSpotClient, LinkType
from connectors.hubspot.judge import CallRefused

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


@dataclass(frozen=True, slots=True)
class Link:
    """Two ids of one pair of kinds; `place` is the position of the request that wants it."""

    place: int
    one: str
    other: str


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

    def _try(
        self, kind: str, to: str, links: Sequence[Link], act: Callable[[str, str, Sequence[Link]], None]
    ) -> dict[int, WriteResult]:
        """Send links; where one of them is refused, all are, so the bad one is found by halving."""
        try:
            act(kind, to, links)
        except CallRefused as refused:
            if len(links) > 1:
                half = len(links) // 2
                return self._try(kind, to, links[:half], act) | self._try(kind, to, links[half:], act)
            code, field = refused.trouble.code, f"{PREFIX}{to}"
            words = f"HubSpot refused to associate {kind} {links[0].one} with {to} {links[0].other}: {code}"
            return {links[0].place: Rejected(code, f"{words}; one of the two may be deleted or merged", field)}
        except ConnectorError as error:
            after = getattr(error, "retry_after", None) or 0.0
            return {link.place: Deferred(error.message, after) for link in links}
        return {}

    def _link(self, kind: str, to: str, links: Sequence[Link]) -> None:
        self._client.associate(kind, to, [(link.one, link.other) for link in links], self._type(kind, to))

    def _unlink(self, kind: str, to: str, links: Sequence[Link]) -> None:
        type_ = self._type(kind, to)
        # Between companies and contacts people make plain links of their own: only our label is taken away.
        plain = not (self._among_companies() and to == BRANCH) or type_ is None
        pairs = [(link.one, link.other) for link in links]
        self._client.dissociate(kind, to, pairs, None if plain else type_)

    def _type(self, kind: str, to: str) -> LinkType | None:
        """Return how they are linked; None: plainly."""
        if kind == BRANCH and to in COMPANIES:
            return CHILD_TO_PARENT if self._among_companies() else None
        return self._client.label(kind, to, LABEL)

    def _among_companies(self) -> bool:
        return self._client.branches.choose(self._client).home is Home.CHILD_COMPANIES
