"""HubSpot and Salesforce, simulated in a process of their own without delays and limits; commands on standard input.

Their contacts come from benchmarks.people; who calls them is the parent's.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from benchmarks import people
from benchmarks.child import serve
from sandbox.fields import LEVELS, define_hubspot, define_salesforce
from sandbox.hubspot import HubSpot
from sandbox.salesforce import Salesforce
from sandbox.wire import Server


class Systems:
    """Both CRMs behind their servers."""

    def __init__(self) -> None:
        self.hubspot, self.salesforce = HubSpot(), Salesforce(daily=10_000_000)
        define_hubspot(self.hubspot)
        define_salesforce(self.salesforce)
        self.salesforce.define_field("Lead", "Level__c", "picklist", picklist=LEVELS)
        for ours, theirs in people.EXTRA.items():
            number, date = ours in people.NUMBERS, ours == "contract_ends"
            self.hubspot.define_property("contacts", ours, "number" if number else "date" if date else "string")
            kind = "double" if number else "date" if date else "string"
            self.salesforce.define_field("Lead", theirs, kind, length=0 if number or date else 255)
        self.servers = {"hubspot": Server(self.hubspot).start(), "salesforce": Server(self.salesforce).start()}
        self.ids: list[str] = []
        self.written: Counter[str] = Counter()

    def urls(self) -> dict[str, Any]:
        return {name: server.url for name, server in self.servers.items()}

    def seed(self, count: int) -> dict[str, Any]:
        """Add contacts, as an import of long ago did."""
        start = len(self.ids)
        long_ago = int((time.time() - 30 * 86_400) * 1000)
        for first in range(start, start + count, 10_000):
            rows = [people.contact(n) for n in range(first, min(first + 10_000, start + count))]
            self.ids += self.hubspot.seed("contacts", rows, long_ago + first)
        return {"contacts": len(self.ids)}

    def edit(self, count: int, fields: Mapping[str, str]) -> dict[str, Any]:
        for one in self.ids[:count]:
            self.hubspot.edit("contacts", one, fields)
        return {}

    def noise(self, count: int) -> dict[str, Any]:
        """Move the modified time of contacts and nothing that is mapped."""
        for one in self.ids[:count]:
            self.hubspot.noise("contacts", one)
        return {}

    def counters(self) -> dict[str, Any]:
        """Return calls by system and label, and records written through the APIs, all since the last asking."""
        calls = {name: dict(server.board.calls) for name, server in self.servers.items()}
        for server in self.servers.values():
            server.board.clear()
        writes = Counter({f"hubspot {kind}": count for kind, count in self.hubspot.writes.items()})
        for kind, one in self.salesforce.writes.items():
            writes[f"salesforce {kind}"] = one.created + one.updated + one.unchanged
        fresh, self.written = writes - self.written, writes
        return {"calls": calls, "writes": dict(fresh)}

    def first_call(self) -> dict[str, Any]:
        """Wait for a call to any system; return when it came, by the clock that all processes share."""
        deadline = time.monotonic() + 60
        while not any(server.board.total() for server in self.servers.values()):
            if time.monotonic() > deadline:
                raise TimeoutError("nobody called for a minute")
            time.sleep(0.002)
        return {"at": time.monotonic()}


def main() -> None:
    systems = Systems()
    serve(
        {
            "urls": systems.urls,
            "seed": systems.seed,
            "edit": systems.edit,
            "noise": systems.noise,
            "counters": systems.counters,
            "first_call": systems.first_call,
        }
    )


if __name__ == "__main__":
    main()
