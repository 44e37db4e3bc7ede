"""The one place where concrete things are chosen and joined: config, mappings, store, connectors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from sqlalchemy import Engine

from connectors import registry
from connectors.contract import Destination, FieldWanted, Source
from connectors.contract import FieldType as WireType
from connectors.errors import ConnectorError
from syncd import config as config_files
from syncd.config import Config, Problem, Problems
from syncd.lead.definition import FieldType
from syncd.mapping.loader import load as load_mappings
from syncd.mapping.model import KindMap, Mappings
from syncd.mapping.reality import compare
from syncd.store.database import now_ms, open_store
from syncd.store.inbox import calls_since, save_version

DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class App:
    """Everything a command needs, joined."""

    config: Config
    mappings: Mappings
    sources: Mapping[str, Source]
    engine: Engine = field(repr=False)

    @property
    def destinations(self) -> dict[str, Destination]:
        """The systems that can be written."""
        return {name: cast(Destination, source) for name, source in self.sources.items() if source.capabilities.writes}


def read_config(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read the config file; raise Problems, unknown connectors included."""
    config = config_files.load(path, environ if environ is not None else os.environ)
    unknown = config_files.connector_problems(config, registry.MODULES)
    if unknown:
        raise Problems(unknown)
    return config


def read_mappings(config: Config) -> Mappings:
    """Read the definition and all mapping files; raise Problems."""
    return load_mappings(config.mappings, {one.name: one.connector for one in config.systems.values()})


def connect(config: Config, mappings: Mappings) -> dict[str, Source]:
    """Make every configured source, without calling it; raise Problems for settings that are wrong."""
    problems: list[Problem] = []
    sources: dict[str, Source] = {}
    for system in config.systems.values():
        connector = registry.find(system.connector)
        try:
            settings = connector.settings.model_validate(dict(system.settings))
        except ValidationError as error:
            problems += config_files.settings_problems(
                config, system.name, error, list(connector.settings.model_fields)
            )
            continue
        try:
            sources[system.name] = connector.connect(system.name, settings)
            _define_tables(sources[system.name], mappings, system.name)
        except ConnectorError as error:
            problems.append(Problem(system.place, f"{system.name}: {error.message}"))
    if problems:
        raise Problems(problems)
    return sources


def build(path: Path, environ: Mapping[str, str] | None = None) -> App:
    """Read everything, open the store, connect; raise Problems or StoreUnusable before anything was changed."""
    config = read_config(path, environ)
    mappings = read_mappings(config)
    sources = connect(config, mappings)
    engine = open_store(config.state)
    app = App(config=config, mappings=mappings, sources=sources, engine=engine)
    _keep_versions(app)
    _resume_budgets(app)
    return app


def find_problems(app_config: Config, mappings: Mappings, sources: Mapping[str, Source]) -> tuple[list[str], list[str]]:
    """Compare the mappings with the live systems; return (problems, notes), each a sentence."""
    problems: list[str] = []
    notes: list[str] = []
    for name, source in sources.items():
        place = app_config.systems[name].place
        try:
            readiness = source.check()
            problems += [f"{place}: {name}: {text}" for text in readiness.problems]
            notes += [f"{name}: {text}" for text in readiness.notes]
            if readiness.problems or name not in mappings.systems:
                continue
            infos = {kind: source.fields(kind) for kind in mappings.systems[name].kinds}
        except ConnectorError as error:
            problems.append(f"{place}: {name}: {error.message}")
            continue
        problems += [str(problem) for problem in compare(mappings.systems[name], infos)]
    return problems, notes


def fields_wanted(mappings: Mappings, system: str) -> list[FieldWanted]:
    """Return the fields of our own that a mapping writes to, or reads sales' answers from, in a system."""
    found: list[FieldWanted] = []
    known = mappings.systems.get(system)
    for kind_map in known.kinds.values() if known else ():
        if kind_map.key:
            found.append(
                FieldWanted(
                    kind=kind_map.kind,
                    name=kind_map.key,
                    label="Syncd Key",
                    type=WireType.TEXT,
                    length=64,
                    unique=True,
                )
            )
        for line in kind_map.fields.values():
            for name in {line.writes, *line.reads} - {None, kind_map.key}:
                found.append(_wanted(mappings, kind_map, cast(str, name), line.name, line.type))
    return found


# ---------------------------------------------------------------------------------------------------------------------


_WIRE_TYPES = {
    FieldType.INTEGER: WireType.NUMBER,
    FieldType.NUMBER: WireType.NUMBER,
    FieldType.MONEY: WireType.NUMBER,
    FieldType.PERCENT: WireType.NUMBER,
    FieldType.BOOLEAN: WireType.BOOLEAN,
    FieldType.DATE: WireType.DATE,
    FieldType.DATETIME: WireType.DATETIME,
    FieldType.CHOICE: WireType.CHOICE,
    FieldType.REFERENCE: WireType.REFERENCE,
}
_LONG = frozenset({"brief", "last_touches", "handoff_missing", "problem", "rejection_text", "sales_reason_text"})


def _wanted(mappings: Mappings, kind_map: KindMap, name: str, ours: str, kind: FieldType) -> FieldWanted:
    line = kind_map.fields[ours]
    shared = mappings.definition.fields[kind_map.entity].get(ours)
    choices = shared.choices if shared is not None else ()
    if ours == "sales_decision":
        choices = ("accepted", "rejected", "recycled", "disqualified")
    if ours == "sales_reason":
        choices = tuple(mappings.definition.reasons)
    wire = _WIRE_TYPES.get(kind, WireType.TEXT)
    if ours == "sales_reason" and choices:
        wire = WireType.CHOICE
    return FieldWanted(
        kind=kind_map.kind,
        name=name,
        label=name.removesuffix("__c").replace("_", " ").strip().title(),
        type=wire if wire is not WireType.CHOICE or choices else WireType.TEXT,
        length=32_000 if ours in _LONG else 255,
        choices=choices,
        references=line.refers_to[1] if line.refers_to else None,
    )


def _define_tables(source: Source, mappings: Mappings, name: str) -> None:
    define = getattr(source, "define", None)
    known = mappings.systems.get(name)
    if define is None or known is None:
        return
    for kind_map in known.kinds.values():
        define(kind_map.kind, _table(kind_map.table))


def _table(table: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(table)


def _keep_versions(app: App) -> None:
    """Keep every mapping and definition under its digest, so that each decision can name its versions."""
    now = now_ms()
    files: Sequence[tuple[str, str, str]] = [
        ("definition", app.mappings.definition.digest, "definition.yaml"),
        *(("mapping", one.digest, Path(one.file).name) for one in app.mappings.systems.values()),
    ]
    with app.engine.begin() as connection:
        for kind, digest, file in files:
            content = (app.config.mappings / file).read_text(encoding="utf-8")
            save_version(connection, kind=kind, digest=digest, file=file, content=content, now=now, by="start")


def _resume_budgets(app: App) -> None:
    """Count the calls of today's earlier runs against today's budget."""
    with app.engine.begin() as connection:
        spent = calls_since(connection, now_ms() // DAY_MS * DAY_MS)
    for name, source in app.sources.items():
        session = getattr(source, "session", None)
        if session is not None:
            session.used_today = spent.get(name, 0)
