"""Which connectors there are, by the name that config.yaml uses; a connector's module is imported when first asked for.

It builds nothing: reading the settings and connecting are left to the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from pydantic import BaseModel

from connectors.contract import Source

MODULES = {
    "hubspot": "connectors.hubspot",
    "salesforce": "connectors.salesforce",
    "sql": "connectors.table.sql",
    "files": "connectors.table.files",
    "csv": "connectors.table.files",  # the same, by the name of what lies in most folders
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Connector:
    """One kind of connector.

    `settings` is the model of its block in config.yaml. `connect(name, settings, sleep=...)` makes the source without
    calling it; `name` is the system's name in config.yaml.
    """

    name: str
    settings: type[BaseModel]
    connect: Callable[..., Source]


def find(name: str) -> Connector:
    """Return the connector of this name; raise KeyError when there is none (see MODULES for those that are)."""
    module = import_module(MODULES[name])
    return Connector(name=name, settings=module.Settings, connect=module.connect)
