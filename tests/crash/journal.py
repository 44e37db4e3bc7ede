"""Everything that ever happened in the simulators, in order: by people, and by calls of the API.

It compares the tables before and after each call, and knows nothing of what the call meant to do.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.wire import Request, Response

LIVE = "(live)"  # a pseudo-field: whether the record is there


@dataclass(frozen=True)
class Entry:
    """One field of one record took a value. `api`: by a call, not by a person."""

    system: str
    kind: str
    id: str
    field: str
    value: Any
    api: bool
    call: int


class Journal:
    """The history of chosen kinds of one simulator, and the simulator towards its server."""

    def __init__(self, simulator: Any, kinds: tuple[str, ...], entries: list[Entry], lock: threading.RLock) -> None:
        self.name: str = simulator.name
        self._simulator, self._kinds, self._entries, self._lock = simulator, kinds, entries, lock
        self._known = self._look()

    def handle(self, request: Request) -> Response:
        with self._lock:
            self.note(api=False)  # what people did since
            response: Response = self._simulator.handle(request)
            if request.method != "GET" and not request.path.endswith("/search"):
                self.note(api=True)
            return response

    def label(self, request: Request) -> str:
        return str(self._simulator.label(request))

    def note(self, *, api: bool) -> None:
        """Write down what differs from the last look."""
        with self._lock:
            now, call = self._look(), len(self._entries)
            for key, fields in now.items():
                before = self._known.get(key, {})
                for name in {**before, **fields}:
                    if fields.get(name) != before.get(name):
                        entry = Entry(self.name, key[0], key[1], name, fields.get(name), api, call)
                        self._entries.append(entry)
            for key in self._known.keys() - now.keys():
                self._entries.append(Entry(self.name, key[0], key[1], LIVE, False, api, call))
            self._known = now

    def forget(self) -> None:
        """Take what is there now as it is: the simulator was set back."""
        with self._lock:
            self._known = self._look()

    def _look(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        rows: dict[tuple[str, str], Mapping[str, Any]] = {}
        for kind in self._kinds:
            for row in self._simulator.all(kind):
                id = str(row.get("Id") or row.get("hs_object_id"))
                rows[(kind, id)] = {
                    LIVE: True,
                    **{k: v for k, v in row.items() if v not in (None, "", False) and k not in _OWN},
                }
        return rows


# What the systems themselves stamp on a record.
_OWN = frozenset(
    {
        "Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "LastModifiedById", "CreatedById", "IsDeleted",
        "OwnerId", "LastActivityDate", "hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate",
        "Status", "IsConverted", "IsUnreadByOwner", "HasOptedOutOfEmail", "LastViewedDate", "LastReferencedDate",
    }
)  # fmt: skip
