"""Reads what changed in HubSpot by search, with as few calls as it can be known from.

How it is done. Every poll asks for the newest 200 records of a window that starts `overlap` before the newest stamp
read so far (`at`). Records from `at` on are news. The rest of the window was read before, but HubSpot's index shows
some changes late: the page's rows are compared by a digest, the rows below the page by their number, which the search
tells as `total` and our own store as a count. Where more must be read, it is read by record id (keyset) between two
stamps, so that neither equal stamps, nor edits while reading, nor the 10,000 rows that paging is allowed can lose a
record.

Storing pages is left to the caller; what a row means, to connectors.hubspot.records.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract import Page, Person, Reading, Record, Roll, Seen
from connectors.errors import ConfigProblem, ConnectorError, ContractBroken, joined
from connectors.http import understood
from connectors.hubspot.branches import ASK_AGAIN_SECONDS
from connectors.hubspot.client import BATCH, IN_VALUES, PAGE, SEARCH_BODY, Found, HubSpotClient, body_length
from connectors.hubspot.cursor import END, Loading, Pass, Place, Range, last_id, look_again, place_of, top_of
from connectors.hubspot.judge import ScopeMissing
from connectors.hubspot.records import EPOCH, Row, modified_property, properties_to_read, record, rows_of, time_of

Filter = Mapping[str, Any]


class HubSpotReader:
    """Search, batch read and look-up of records. `overlap` is in seconds."""

    def __init__(self, client: HubSpotClient, overlap: float) -> None:
        self._client = client
        self._overlap = int(overlap * 1000)
        self._forbidden: dict[str, tuple[float, ScopeMissing]] = {}  # kind -> (when it was asked, monotonic; answer)

    def changes(self, readings: Sequence[Reading], seen: Seen) -> Iterator[Page]:
        """Read each kind in turn; see the module. One whose scope is missing is told so without a call for a while."""
        troubles: dict[str, ConnectorError] = {}
        for reading in readings:
            asked, told = self._forbidden.get(reading.kind, (0.0, None))
            if told is not None and time.monotonic() - asked < ASK_AGAIN_SECONDS:
                troubles[reading.kind] = told
                continue
            try:
                yield from _Poll(self._client, reading, seen, self._overlap).pages()
            except ConfigProblem as error:
                troubles[reading.kind] = error
                if isinstance(error, ScopeMissing):
                    self._forbidden[reading.kind] = time.monotonic(), error
        if troubles:
            raise joined(troubles)

    def fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Return the records; for an id that was merged away, the survivor with that id among its `merged`."""
        wanted = list(dict.fromkeys(ids))
        found: list[Record] = []
        for start in range(0, len(wanted), BATCH):
            found += self._fetch(kind, wanted[start : start + BATCH], fields)
        return found

    def ids(self, kind: str) -> Iterator[Roll]:
        """List the living records, then the recycle bin; merged and erased ones are in neither."""
        for archived in (False, True):
            after: str | None = None
            while True:
                listed, after = self._client.listed(kind, after, [modified_property(kind)], archived=archived)
                found = {row.id: time_of(row.stamp) for row in rows_of(kind, listed)}
                yield Roll(alive=(), deleted=list(found)) if archived else Roll(alive=list(found), modified=found)
                if after is None:
                    break

    def people(self) -> list[Person]:
        """Return all owners; one who was deactivated and taken back is in one list only."""
        found: dict[str, Person] = {}
        for archived in (True, False):
            after: str | None = None
            while True:
                rows, after = self._client.owners(after, archived=archived)
                for row in rows:
                    person = row.get("type", "PERSON") == "PERSON"
                    email = str(row.get("email") or "").lower() or None
                    with understood("the list of owners"):
                        one = Person(id=str(row["id"]), email=email if person else None, active=not archived and person)
                    found[one.id] = one
                if after is None:
                    break
        return list(found.values())

    def find(self, kind: str, field: str, values: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Return every record with one of the values, ignoring case; a change of the last seconds may be missing."""
        # IN compares with what was sent, and HubSpot keeps the text of its index in lower case.
        wanted = list(dict.fromkeys(value.lower() for value in values if value))
        reading = Reading(kind=kind, fields=fields, after=None)
        found: dict[str, Record] = {}
        while wanted:
            part = wanted[:IN_VALUES]
            while len(part) > 1 and not _fits(
                _body(kind, [_is_in(field, part), *self._client.scope(kind)], END_ID, [])
            ):
                part = part[: len(part) // 2]
            wanted = wanted[len(part) :]
            for _, rows in keyset(self._client, reading, [_is_in(field, part)]):
                found |= {each.id: each for each in records_of(self._client, reading, rows)}
        return list(found.values())

    def _fetch(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        properties = properties_to_read(kind, fields)
        batch = self._client.read(kind, ids, properties)
        found = [record(row, fields) for row in rows_of(kind, batch.rows)]
        answered = {each.id for each in found} | {merged for each in found for merged in each.merged}
        answered |= {missing for error in batch.errors for missing in error.ids}
        for old in ids:
            if old in answered:
                continue
            # A merged-away id is dropped by batches without a word, while a single read answers with the survivor.
            raw = self._client.get(kind, old, properties)
            for row in rows_of(kind, [raw] if raw else []):
                survivor = record(row, fields)
                known = survivor.merged if old in (*survivor.merged, survivor.id) else (*survivor.merged, old)
                found.append(replace(survivor, merged=known))
        if not _unknown(self._client, kind, fields, found):
            found = [_completed(each, fields) for each in found]
        return list({each.id: each for each in found}.values())


class _Poll:
    """One kind in one poll."""

    def __init__(self, client: HubSpotClient, reading: Reading, seen: Seen, overlap: int) -> None:
        self._client = client
        self._reading = reading
        self._kind = reading.kind
        self._seen = seen
        self._overlap = overlap
        self._modified = modified_property(reading.kind)
        self._properties = properties_to_read(reading.kind, reading.fields)

    def pages(self) -> Iterator[Page]:
        cursor = self._reading.after
        if cursor is None or "load" in cursor:
            yield from self._load(Loading.of(cursor))
            return
        unfinished = Pass.of(cursor)
        if unfinished is not None:
            yield from self._work(unfinished)
            return
        place = yield from self._news(place_of(cursor))
        yield from self._second_look(place)

    def _load(self, load: Loading) -> Iterator[Page]:
        """Read everything once, by id; a change made meanwhile is news to the next poll."""
        newest: list[tuple[int, str]] = []
        whole = load.after == "0"
        for found, rows in keyset(self._client, self._reading, (), load.after):
            if load.start is None:
                load = replace(load, start=self._now() or 0)
            newest = heapq.nlargest(PAGE, [*newest, *((row.stamp, row.id) for row in rows)])
            load = load.with_rows(rows)
            cursor = load.cursor()
            if found.end:
                cursor = load.done(newest if whole else (), self._overlap, self._now()).cursor()
            yield self._page(rows, cursor)

    def _news(self, place: Place) -> Generator[Page, None, Place]:
        """Read what is new since `place`; return the place reached."""
        low = place.low(self._overlap)
        found, rows = search(self._client, self._reading, [_since(self._modified, low)])
        fresh = sum(row.stamp >= place.at for row in rows)
        deep = found.total > len(rows) or not found.end or len(rows) >= PAGE
        same_top = not fresh and top_of((row.stamp, row.id) for row in rows) == place.top
        if same_top and (not deep or self._count(low, place.at) == found.total + place.gap):
            return place
        then = self._reached(place, rows, deep)
        if not deep:
            yield self._page(rows, then.cursor())
            return then
        plan = self._plan(place, then, found.total, rows, trust=bool(fresh) or same_top)
        yield self._page(rows, plan.cursor())
        return (yield from self._work(plan))

    def _reached(self, place: Place, rows: Sequence[Row], deep: bool) -> Place:
        at = max([place.at, *(row.stamp + 1 for row in rows)])
        # A page that seems to show all may not: the next one is asked for from where this one began.
        since = None if deep else replace(place, since=None).low(self._overlap)
        place = replace(place, at=at, since=since, gap=place.gap if deep else 0)
        low = place.low(self._overlap)
        top = top_of((row.stamp, row.id) for row in rows if row.stamp >= low)
        again = place.again
        if deep and again is None:
            again = look_again(low, at, self._now(), self._overlap)
        return replace(place, top=top, again=again)

    def _plan(self, place: Place, then: Place, total: int, rows: Sequence[Row], *, trust: bool) -> Pass:
        """Decide what is left to read below the page. Without `trust` the look-back is read whatever it counts."""
        low, at = place.low(self._overlap), place.at
        sound = [row.stamp for row in rows if row.sound]
        if not sound:
            return Pass(place=place, then=then, rest=0, check=False, todo=(Range(low, END),))
        bottom = min(sound)
        if bottom < at:
            older = total - sum(row.stamp >= at for row in rows)
            return Pass(place=place, then=then, rest=older, check=trust, todo=(Range(low, bottom),))
        # The page may show only some of the records that share its last stamp. No count could tell the others: they are
        # still in the store, by their former stamps.
        shown = tuple(row.id for row in rows if row.stamp == bottom)
        news = Range(at, bottom, 0, shown)
        worth = len(shown) <= IN_VALUES and total <= 50 * PAGE  # it saves one page at most, and burdens every search
        if not worth or not _fits(
            _body(self._kind, [*self._within(news), *self._client.scope(self._kind)], END_ID, self._properties)
        ):
            news = Range(at, bottom, counted=len(shown))
        return Pass(place=place, then=then, rest=total - len(rows), check=False, todo=(news, Range(low, at - 1)))

    def _work(self, plan: Pass) -> Generator[Page, None, Place]:
        """Read the ranges of `plan` until the number of records in the look-back agrees with the store's."""
        low, at = plan.place.low(self._overlap), plan.place.at
        while plan.todo:
            if plan.check and self._count(low, at) == plan.rest + plan.place.gap:
                break
            span = plan.todo[0]
            if span.low <= span.high:
                for found, rows in keyset(self._client, self._reading, self._within(span), plan.after):
                    plan = plan.with_rows(rows, found.total)
                    if rows:
                        yield self._page(rows, plan.cursor())
            plan = plan.next_range()
        then = plan.then
        if not plan.todo:
            then = replace(then, gap=self._count(low, at) - plan.rest)
        yield self._page((), then.cursor())
        return then

    def _second_look(self, place: Place) -> Iterator[Page]:
        """Read once more, one overlap later, what lay below a page.

        Of such a record a late change goes unseen by the counts when its former stamp lies in the same window.
        """
        now = self._now()
        if place.again is None or now is None or now < place.again.due:
            return
        span = Range(place.again.since, place.again.until - 1)
        for _, rows in keyset(self._client, self._reading, self._within(span)):
            if rows:
                yield self._page(rows, place.cursor())
        more = self._count(place.again.until, place.at) >= PAGE
        again = look_again(place.again.until, place.at, now, self._overlap) if more else None
        yield self._page((), replace(place, again=again).cursor())

    def _page(self, rows: Sequence[Row], cursor: Mapping[str, Any]) -> Page:
        return Page(kind=self._kind, records=records_of(self._client, self._reading, rows), cursor=cursor)

    def _within(self, span: Range) -> list[Filter]:
        stamps = {"operator": "BETWEEN", "value": str(span.low), "highValue": str(span.high)}
        filters: list[Filter] = [{"propertyName": self._modified, **stamps}]
        if span.skip:
            filters.append({"propertyName": "hs_object_id", "operator": "NOT_IN", "values": list(span.skip)})
        return filters

    def _count(self, since: int, before: int) -> int:
        return self._seen.count(self._kind, time_of(since), time_of(before))

    def _now(self) -> int | None:
        """Return HubSpot's own time as its latest answer told it."""
        now = self._client.session.server_time
        return None if now is None else int((now - EPOCH).total_seconds() * 1000)


def keyset(
    client: HubSpotClient, reading: Reading, where: Sequence[Filter], after: str = "0"
) -> Iterator[tuple[Found, list[Row]]]:
    """Search page by page in the order of ids, which no edit changes; offsets would skip a record per edit.

    All signs of an end may fail together on one page. They are believed of a page that is as long as the page before
    foretold; elsewhere a page without rows is asked for.
    """
    foretold: int | None = None
    while True:
        found, rows = search(client, reading, where, after)
        found = replace(found, end=not found.rows or (found.end and len(found.rows) == foretold))
        yield found, rows
        if found.end:
            return
        foretold = found.total - len(found.rows)
        beyond = last_id(rows, after)
        if beyond == after:
            raise ContractBroken("HubSpot's search answered with rows that have no id")
        after = beyond


def search(
    client: HubSpotClient, reading: Reading, where: Sequence[Filter], after: str | None = None
) -> tuple[Found, list[Row]]:
    """Return one page: the newest rows, or with `after` those of the next higher ids.

    The fields come with the search where its body may be that long; else the rows are not `complete`.
    """
    where = [*where, *client.scope(reading.kind)]
    body = _body(reading.kind, where, after, properties_to_read(reading.kind, reading.fields))
    complete = _fits(body)
    if not complete:
        body = _body(reading.kind, where, after, [modified_property(reading.kind)])
    found = client.search(reading.kind, body)
    return found, rows_of(reading.kind, found.rows, complete=complete)


def records_of(client: HubSpotClient, reading: Reading, rows: Sequence[Row]) -> list[Record]:
    """Return the records of a page, reading the fields of those that came without."""
    bare = [row.id for row in rows if not row.complete]
    read: dict[str, Row] = {}
    for start in range(0, len(bare), BATCH):
        batch = client.read(reading.kind, bare[start : start + BATCH], properties_to_read(reading.kind, reading.fields))
        read |= {row.id: row for row in rows_of(reading.kind, batch.rows)}
    full = [row if row.complete else read.get(row.id) for row in rows]
    found = [record(row, reading.fields) for row in full if row is not None]
    unknown = _unknown(client, reading.kind, reading.fields, found)
    if unknown:
        raise ConfigProblem(
            f"HubSpot {reading.kind} has no property {', '.join(unknown)}; create it (`syncd setup`), or correct the "
            f"mapping",
            system=client.session.system,
        )
    return [_completed(each, reading.fields) for each in found]


# ---------------------------------------------------------------------------------------------------------------------

END_ID = "9" * 15  # as long as an id can be, to measure a body


def _body(kind: str, filters: Sequence[Filter], after: str | None, properties: Sequence[str]) -> dict[str, Any]:
    order = {"propertyName": modified_property(kind), "direction": "DESCENDING"}
    if after is not None:
        order = {"propertyName": "hs_object_id", "direction": "ASCENDING"}
        filters = [*filters, {"propertyName": "hs_object_id", "operator": "GT", "value": after}]
    groups = [{"filters": list(filters)}]
    return {"filterGroups": groups, "sorts": [order], "properties": list(properties), "limit": PAGE}


def _unknown(client: HubSpotClient, kind: str, fields: Sequence[str], found: Sequence[Record]) -> list[str]:
    """Return the properties that the account lacks: reads leave such a name out without a word.

    One that merely has no value comes as null, so only a name that no record of a page has is looked up.
    """
    absent = [name for name in fields if all(name not in each.fields for each in found)] if found else []
    return client.unknown(kind, absent) if absent else []


def _completed(one: Record, fields: Sequence[str]) -> Record:
    """Put None where the account has the property and the answer left it out."""
    if len(one.fields) == len(fields):
        return one
    return replace(one, fields={name: one.fields.get(name) for name in fields})


def _fits(body: Mapping[str, Any]) -> bool:
    return body_length(body) <= SEARCH_BODY


def _since(modified: str, low: int) -> Filter:
    return {"propertyName": modified, "operator": "GTE", "value": str(low)}


def _is_in(field: str, values: Sequence[str]) -> Filter:
    return {"propertyName": field, "operator": "IN", "values": list(values)}
