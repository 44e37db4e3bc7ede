"""The one place where concrete things are chosen and joined: config, mappings, store, connectors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import orjson
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from connectors import registry
from connectors.contract import (
    Destination,
    FieldInfo,
    FieldWanted,
    Metered,
    Source,
    TakesTables,
    WritesPackage,
    unused_kinds,
)
from connectors.contract import FieldType as WireType
from connectors.errors import ConfigProblem, ConnectorError, unexpected
from syncd import config as config_files
from syncd.config import Config, Problem, Problems
from syncd.edits import passing
from syncd.edits.force import load_version
from syncd.health import named
from syncd.lead.definition import SALES_DECISIONS, SALES_FACTS, FieldType
from syncd.log import logger
from syncd.mapping.loader import load as load_mappings
from syncd.mapping.model import FieldMap, KindMap, Mappings, SystemMap
from syncd.mapping.reality import advise, compare
from syncd.store import systems, versions
from syncd.store.database import StoreUnusable, now_ms, open_store


@dataclass(frozen=True, kw_only=True)
class App:
    """Everything a command needs, joined."""

    config: Config
    mappings: Mappings
    sources: Mapping[str, Source]
    engine: Engine = field(repr=False)

    @property
    def account_settings(self) -> dict[str, bytes]:
        """What decides which account answers, secrets included: system -> its settings but those of pace."""
        return {
            name: orjson.dumps(
                {key: value for key, value in one.settings.items() if key not in _PACE},
                option=orjson.OPT_SORT_KEYS,
                default=str,
            )
            for name, one in self.config.systems.items()
        }

    def define_tables(self, mappings: Mappings) -> None:
        """Tell the systems without kinds of their own where the rows of each come from; raise ConnectorError."""
        for name, source in self.sources.items():
            _define_tables(source, mappings, name)

    @property
    def connectors(self) -> dict[str, str]:
        return connectors_of(self.config)

    @property
    def batches(self) -> dict[str, int]:
        """How many records one call writes: system -> records."""
        return {name: one.capabilities.write_batch for name, one in self.sources.items()}

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
    return load_mappings(config.mappings, connectors_of(config))


def connectors_of(config: Config) -> dict[str, str]:
    return {one.name: one.connector for one in config.systems.values()}


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
            problems.append(Problem(system.place, named(system.name, error.message)))
    if problems:
        raise Problems(problems)
    return sources


def build(path: Path, environ: Mapping[str, str] | None = None, *, begins: bool = True) -> App:
    """Read everything, open the store, connect; raise Problems or StoreUnusable before anything was changed.

    What runs is the version in force, whatever the files say by now; files with mistakes stop only a state's first
    start. Without `begins` no state comes into being: a wrong address would look like one in which all is well.
    """
    config = read_config(path, environ)
    if not begins and not state_is_there(config.state):
        raise _no_state(config)
    edited, wrong = _read_files(config)
    sources = connect(config, edited) if edited is not None else {}
    if edited is None and not state_is_there(config.state):
        raise Problems(wrong)
    engine = open_store(config.state)
    try:
        mappings = _in_force(engine, config, edited, begins)
        if mappings is None:
            raise Problems(wrong)
        if edited is None:
            sources = connect(config, mappings)
    except BaseException:
        engine.dispose()
        raise
    app = App(config=config, mappings=mappings, sources=sources, engine=engine)
    app.define_tables(mappings)
    _resume_budgets(app)
    return app


def find_problems(
    app_config: Config,
    mappings: Mappings,
    sources: Mapping[str, Source],
    seen: dict[str, Mapping[str, Sequence[FieldInfo]]] | None = None,
) -> tuple[list[str], list[str]]:
    """Compare the mappings with the live systems; return (problems, notes), each a sentence.

    `seen` takes the descriptions of the systems that answered.
    """
    problems: list[str] = []
    notes = [str(note) for system in mappings.systems.values() for note in system.notes]
    for name, source in sources.items():
        place = app_config.systems[name].place
        try:
            readiness = source.check()
            problems += [f"{place}: {named(name, text)}" for text in readiness.problems]
            notes += [named(name, text) for text in readiness.notes]
            if readiness.problems or name not in mappings.systems:
                continue
            used = _in_use(mappings.systems[name], source)
            infos, missing = _describe(source, used.kinds)
        except ConnectorError as error:
            problems.append(f"{place}: {named(name, error.message)}")
            continue
        except Exception as error:
            problems.append(f"{place}: {named(name, unexpected(name, name, error).message)}")
            continue
        if seen is not None:
            seen[name] = infos
        problems += map(str, compare(used, infos, missing))
        notes += map(str, advise(used, infos))
    return problems, notes


def state_is_there(state: str) -> bool:
    """Return whether a state may hold a version already; a server's is asked later."""
    parsed = make_url(state)
    if parsed.get_backend_name() != "sqlite":
        return True
    return bool(parsed.database) and Path(str(parsed.database)).exists()


def fields_wanted(mappings: Mappings, system: str, source: Source) -> list[FieldWanted]:
    """Return the fields that a mapping needs of a system and may have to be made there.

    Those it writes, those in which sales answers, our keys; of those it only reads the ones that are not there.
    """
    known = mappings.systems.get(system)
    found: dict[tuple[str, str], FieldWanted] = {}
    for kind_map in known.kinds.values() if known else ():
        there = _names_in(source, kind_map.kind)
        if kind_map.key:
            found[(kind_map.kind, kind_map.key)] = FieldWanted(
                kind=kind_map.kind, name=kind_map.key, label="Syncd Key", type=WireType.TEXT, length=64, unique=True
            )
        for line in kind_map.fields.values():
            read = [name for name in line.reads if line.name in SALES_FACTS or name not in there]
            for name in dict.fromkeys([*([line.writes] if line.writes else []), *read]):
                if name not in there or not _is_standard(name):
                    found.setdefault((kind_map.kind, name), _wanted(mappings, kind_map, name, line))
    return list(found.values())


def write_package(wanted: Sequence[FieldWanted], source: Source, directory: Path) -> list[str]:
    """Write what an admin can deploy instead of `setup`; return what was written, empty when the system takes none."""
    return [str(path) for path in source.write_package(wanted, directory)] if isinstance(source, WritesPackage) else []


# ---------------------------------------------------------------------------------------------------------------------


_WIRE_TYPES = {
    FieldType.INTEGER: WireType.NUMBER,
    FieldType.NUMBER: WireType.NUMBER,
    FieldType.MONEY: WireType.NUMBER,
    FieldType.PERCENT: WireType.NUMBER,
    FieldType.BOOLEAN: WireType.BOOLEAN,
    FieldType.DATE: WireType.DATE,
    FieldType.DATETIME: WireType.DATETIME,
    FieldType.REFERENCE: WireType.REFERENCE,
}
_PACE = frozenset({"budget", "timeouts", "overlap"})
_LONG = frozenset({"brief", "last_touches", "refusal", "problem", "rejection_text", "sales_reason_text"})


def _in_use(system: SystemMap, source: Source) -> SystemMap:
    unused = unused_kinds(source)
    return replace(system, kinds={kind: one for kind, one in system.kinds.items() if kind not in unused})


def _describe(source: Source, kinds: Iterable[str]) -> tuple[dict[str, Sequence[FieldInfo]], dict[str, str]]:
    """Return the fields of the kinds that are there, and why the others cannot be described."""
    infos: dict[str, Sequence[FieldInfo]] = {}
    missing: dict[str, str] = {}
    for kind in kinds:
        try:
            infos[kind] = source.fields(kind)
        except ConfigProblem as error:
            missing[kind] = error.message
    return infos, missing


def _names_in(source: Source, kind: str) -> frozenset[str]:
    """Return the fields that are there; none when the whole kind is not."""
    try:
        return frozenset(info.name for info in source.fields(kind))
    except ConfigProblem:
        return frozenset()


def _is_standard(name: str) -> bool:
    """Return whether a field that is there is the vendor's own, which nobody sets up."""
    return not name.endswith("__c") and not name.startswith("syncd_")


def _wanted(mappings: Mappings, kind_map: KindMap, name: str, line: FieldMap) -> FieldWanted:
    choices = _choices(mappings, kind_map, line)
    wire = WireType.CHOICE if choices else _WIRE_TYPES.get(line.holds, WireType.TEXT)
    return FieldWanted(
        kind=kind_map.kind,
        name=name,
        label=name.removesuffix("__c").replace("_", " ").strip().title(),
        type=wire,
        length=32_000 if line.name in _LONG else 255,
        choices=choices,
        references=line.refers_to[1] if line.refers_to else None,
    )


def _choices(mappings: Mappings, kind_map: KindMap, line: FieldMap) -> tuple[str, ...]:
    if line.name == "sales_decision":
        return SALES_DECISIONS
    if line.name == "sales_reason":
        return tuple(mappings.definition.reasons)
    shared = mappings.definition.fields[kind_map.entity].get(line.name)
    if shared is None or line.holds is not FieldType.CHOICE:
        return ()
    return line.choices or shared.choices


def _define_tables(source: Source, mappings: Mappings, name: str) -> None:
    known = mappings.systems.get(name)
    if known is None or not isinstance(source, TakesTables):
        return
    for kind_map in known.kinds.values():
        source.define(kind_map.kind, dict(kind_map.table))


def _read_files(config: Config) -> tuple[Mappings | None, Sequence[Problem]]:
    try:
        return read_mappings(config), ()
    except Problems as error:
        return None, error.problems


def _no_state(config: Config) -> StoreUnusable:
    return StoreUnusable(
        f"there is no state yet at {_shown(config)}; nothing was read or written. Correct `state` in the "
        f"config, or start the daemon first (`syncd run`, or `syncd once`)"
    )


def _shown(config: Config) -> str:
    return make_url(config.state).render_as_string(hide_password=True)


def _in_force(engine: Engine, config: Config, edited: Mappings | None, begins: bool) -> Mappings | None:
    """Return the version in force; the files are the first one of a state that knows none."""
    with engine.begin() as connection:
        version = versions.running_version(connection)
        if version is None and not begins:
            raise _no_state(config)
        if version is None and edited is not None:
            passing.begin(connection, edited, connectors_of(config))
            logger().info(
                "a new state is begun: nothing is known of earlier runs, all records are read and matched anew",
                action="start",
                state=_shown(config),
            )
        if version is None or (edited is not None and edited.digest == version):
            return edited
        return load_version(connection, version)


def _resume_budgets(app: App) -> None:
    """Count the calls that all processes on this state made today against today's budget."""
    with app.engine.begin() as connection:
        spent = systems.spent_today(connection, now_ms())
    for name, source in app.sources.items():
        if isinstance(source, Metered):
            source.session.count_all(spent.get(name, 0), 0)
