"""A small JSON server beside the simulators, so that tests and benchmarks in other processes can look and interfere.

It speaks no vendor's language; what can be done to a system is the simulators' own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox import erp
from sandbox.actors import Actors
from sandbox.hubspot import HubSpot
from sandbox.hubspot.errors import ApiError
from sandbox.salesforce import Refused, Salesforce
from sandbox.wire import Board, Fault, Request, Response

_FAULT_KEYS = {field.name for field in fields(Fault)} - {"seen", "fired"}
HELP = {
    "GET /counters": "calls per label and rows written, per system, and what the actors did",
    "DELETE /counters": "forget the calls counted so far",
    "POST /faults": "{system, kind, ...}: see sandbox.wire.Fault",
    "GET /faults?system=": "the faults set, with how often each fired",
    "DELETE /faults?system=": "forget them",
    "GET /records?system=&kind=[&id=][&field=&value=]": "records as they are now",
    "POST /edit": "{system, kind, id, fields}: as a person in the UI",
    "POST /seed": "{system, kind, rows}: more records, answers their ids",
}


class Control:
    """The control server's simulator. `boards` holds each system's counters and faults."""

    name = "control"

    def __init__(
        self, hubspot: HubSpot, salesforce: Salesforce, database: Path, boards: dict[str, Board], actors: Actors
    ) -> None:
        self._hubspot = hubspot
        self._salesforce = salesforce
        self._database = database
        self._boards = boards
        self._actors = actors
        self.edits = 0
        self._routes: dict[str, Callable[[Request], Any]] = {
            "GET /counters": self._counters,
            "DELETE /counters": self._forget_counters,
            "POST /faults": self._add_fault,
            "GET /faults": self._faults,
            "DELETE /faults": self._forget_faults,
            "GET /records": self._records,
            "POST /edit": self._edit,
            "POST /seed": self._seed,
        }

    def label(self, request: Request) -> str:
        return f"{request.method} {request.path}"

    def handle(self, request: Request) -> Response:
        route = self._routes.get(self.label(request))
        if route is None:
            return Response(404, {"error": f"there is no {self.label(request)}", "there is": HELP})
        try:
            return Response(200, route(request))
        except KeyError as error:
            return Response(404, {"error": f"not found: {error.args[0] if error.args else ''}"})
        except (ApiError, Refused) as error:
            return Response(400, {"error": f"the system refuses it: {error}"})
        except (ValueError, TypeError, AttributeError) as error:
            return Response(400, {"error": f"the call is not understood: {error}"})

    def _counters(self, request: Request) -> dict[str, Any]:
        del request
        return {
            "hubspot": {"calls": dict(self._boards["hubspot"].calls), "writes": dict(self._hubspot.writes)},
            "salesforce": {
                "calls": dict(self._boards["salesforce"].calls),
                "writes": {name: asdict(counts) for name, counts in self._salesforce.writes.items()},
            },
            "actors": dict(self._actors.done),
        }

    def _forget_counters(self, request: Request) -> dict[str, Any]:
        del request
        for board in self._boards.values():
            board.calls.clear()
        return {}

    def _add_fault(self, request: Request) -> dict[str, Any]:
        given = request.json()
        board = self._board(given.pop("system", ""))
        unknown = set(given) - _FAULT_KEYS
        if unknown or "kind" not in given:
            raise ValueError(f"a fault has {', '.join(sorted(_FAULT_KEYS))}; kind is needed")
        return asdict(board.add(Fault(**given)))

    def _faults(self, request: Request) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._board(_one(request, "system")).faults]

    def _forget_faults(self, request: Request) -> dict[str, Any]:
        self._board(_one(request, "system")).faults.clear()
        return {}

    def _records(self, request: Request) -> Any:
        system, kind, key = (_one(request, name) for name in ("system", "kind", "id"))
        if key:
            return self._get(system, kind, key)
        field, value = _one(request, "field"), _one(request, "value")
        found = self._all(system, kind)
        return [row for row in found if str(row.get(field) or "") == value] if field else found

    def _get(self, system: str, kind: str, key: str) -> Any:
        match system:
            case "hubspot":
                return self._hubspot.get(kind, key)
            case "salesforce":
                return self._salesforce.get(kind, key)
            case "erp":
                found = erp.rows(self._database, kind, key)
                if not found:
                    raise KeyError(f"{kind} {key}")
                return found[0]
        raise KeyError(f"system {system}; there are hubspot, salesforce and erp")

    def _all(self, system: str, kind: str) -> list[dict[str, Any]]:
        match system:
            case "hubspot":
                return list(self._hubspot.all(kind))
            case "salesforce":
                return list(self._salesforce.all(kind))
            case "erp":
                return erp.rows(self._database, kind)
        raise KeyError(f"system {system}; there are hubspot, salesforce and erp")

    def _edit(self, request: Request) -> Any:
        given = request.json()
        system, kind, key, changes = (given.get(name) for name in ("system", "kind", "id", "fields"))
        if not isinstance(changes, dict):
            raise ValueError("`fields` must hold what is to change")
        match system:
            case "hubspot":
                self._hubspot.edit(kind, key, changes)
            case "salesforce":
                self._salesforce.edit(kind, key, changes)
            case "erp":
                erp.edit(self._database, kind, key, changes, datetime.now(UTC))
        self.edits += 1
        return self._get(system, kind, key)

    def _seed(self, request: Request) -> Any:
        given = request.json()
        self.edits += 1
        match given.get("system"):
            case "hubspot":
                return {"ids": self._hubspot.seed(given["kind"], given["rows"])}
            case "salesforce":
                return {"ids": self._salesforce.seed(given["kind"], given["rows"])}
        raise ValueError("`system` must be hubspot or salesforce")

    def _board(self, system: str) -> Board:
        if system not in self._boards:
            raise KeyError(f"system {system}; there are {' and '.join(self._boards)}")
        return self._boards[system]


def _one(request: Request, name: str) -> str:
    return request.query.get(name, [""])[0]
