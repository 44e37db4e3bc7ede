"""The operator's file (config.yaml) and the environment into frozen settings.

Which connectors exist and what each needs is left to wiring: a system's own settings stay a plain dictionary here.
"""

from __future__ import annotations

import ipaddress
import platform
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, field_validator

from syncd.config.check import Duration, Section, check, nearest, plain_error, translate
from syncd.config.secrets import resolve_secrets
from syncd.config.yaml import Document, Place, Problem, Problems, read


@dataclass(frozen=True, kw_only=True)
class SystemConfig:
    """One configured system. `settings` is what its connector must check; secrets are already in it."""

    name: str
    connector: str
    poll: timedelta
    settings: Mapping[str, Any] = field(repr=False)
    place: Place


@dataclass(frozen=True, kw_only=True)
class Brakes:
    """What one run may do before it holds and asks; None: no brake. Shares (0.05) are of those known.

    `vanished`: how many of a kind are believed to be gone in a day.
    """

    creates: int | None = None
    overwrites: float | None = None
    clears: int | None = None
    owners: int | None = None
    stages: float | None = None
    vanished: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Edits:
    """What an edit of the mappings may change and still take effect at once; None: any number of it."""

    records: int | None
    creates: int | None
    overwrites: int | None
    clears: int | None
    flips: int | None
    look: timedelta


@dataclass(frozen=True, kw_only=True)
class Web:
    """Where the pages are served. `public` is the only way to an address beyond loopback.

    `mappings`: what the Mappings page may do: off, read, approve or write.
    """

    enabled: bool
    host: str
    port: int
    public: bool
    mappings: str


@dataclass(frozen=True, kw_only=True)
class Log:
    level: str
    format: str  # json, console, or auto: console on a terminal


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything config.yaml says. `secrets` are the values that came from variables and files, for redaction."""

    file: str
    state: str = field(repr=False)
    mappings: Path
    systems: Mapping[str, SystemConfig]
    brakes: Brakes
    edits: Edits
    web: Web
    log: Log
    handoff_batch: int
    executor: str
    secrets: frozenset[str] = field(repr=False, default=frozenset())
    document: Document = field(repr=False)

    def place_of(self, path: tuple[str | int, ...]) -> Place:
        """Return where the value at `path` (from the file's root) stands."""
        return self.document.place(path)


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read a config file; raise Problems with everything that is wrong with it."""
    if not path.exists():
        hint = "name yours with --config or SYNCD_CONFIG, or begin with a copy of config.example.yaml"
        raise Problems([Problem(Place(str(path), 1, 1), "cannot be read: No such file or directory", hint)])
    document, secrets, problems = resolve_secrets(read(path), environ)
    model, found = check(ConfigFile, document)
    unresolved = {problem.place.line for problem in problems}
    problems += [problem for problem in found if problem.place.line not in unresolved]
    if model is not None:
        problems += _exposure(model.web, document)
    if model is None or problems:
        raise Problems(problems)
    return _config(model, document, secrets, path)


def settings_problems(
    config: Config, system: str, error: ValidationError, known: Collection[str] = ()
) -> list[Problem]:
    """Put the error of a connector's settings model into words with file:line:column.

    `known` are the keys that the model has; with them an unknown key is answered with the nearest.
    """
    problems = translate(error, config.document, below=("systems", system))
    if not known:
        return problems
    unknown = re.compile(r"unknown key '(.*)'")
    return [
        Problem(p.place, p.message, nearest(found[1], known)) if (found := unknown.fullmatch(p.message)) else p
        for p in problems
    ]


def connector_problems(config: Config, known: Collection[str]) -> list[Problem]:
    """Return a problem for every system whose connector is not one of `known`."""
    return [
        Problem(
            config.place_of(("systems", system.name, "connector")),
            f"unknown connector {system.connector!r}",
            nearest(system.connector, known, what="there are"),
        )
        for system in config.systems.values()
        if system.connector not in known
    ]


def read_share(value: Any) -> float:
    """Read "5%" as 0.05."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?%", value.strip()) if isinstance(value, str) else None
    if not found or float(found[1]) > 100:
        raise plain_error("expected a share between 0% and 100%; write it as 5%")
    return float(found[1]) / 100


def _listen(value: Any) -> str:
    found = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):([0-9]{1,5})", value) if isinstance(value, str) else None
    if not found or not 0 <= int(found[2]) <= 65_535:
        raise plain_error("expected host:port; write it as 127.0.0.1:8080")
    assert isinstance(value, str)
    return value


Share = Annotated[
    float, BeforeValidator(read_share), WithJsonSchema({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?%$"})
]
Count = Annotated[int, Field(ge=0)]
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class SystemSection(Section):
    """One system; keys beyond these are its connector's own."""

    model_config = ConfigDict(extra="allow")

    connector: str
    poll: Duration = Field(default=timedelta(seconds=60), description="how often changes are asked for")

    @field_validator("poll")
    @classmethod
    def _not_frantic(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise plain_error("must be at least 1s; most systems allow only some calls a day")
        return value


class BrakesSection(Section):
    creates: Count | None = Field(default=None, description="records created per run before it holds and asks")
    overwrites: Share | None = Field(default=None, description="share of known records overwritten per run")
    clears: Count | None = Field(default=None, description="records in which a value is emptied per run")
    owners: Count | None = Field(default=None, description="records taken from one owner and given to another per run")
    stages: Share | None = Field(default=None, description="share of known leads moved on the ladder per run")
    vanished: Share = Field(default=0.2, description="share of a kind's records believed to be gone within 24 hours")


class EditsSection(Section):
    records: Count | None = Field(default=100, description="records written because of it")
    creates: Count | None = Field(default=0, description="records created because of it")
    overwrites: Count | None = Field(default=20, description="values replaced by others because of it")
    clears: Count | None = Field(default=0, description="values emptied because of it")
    flips: Count | None = Field(default=0, description="leads whose stage or verdict it changes")
    look: Duration = Field(default=timedelta(seconds=3), description="how often the files are looked at")

    @field_validator("look")
    @classmethod
    def _not_frantic(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise plain_error("must be at least 1s")
        return value


class WebSection(Section):
    enabled: bool = True
    listen: Annotated[str, BeforeValidator(_listen)] = Field(default="127.0.0.1:8080", description="host:port")
    public: bool = Field(
        default=False, description="allow an address beyond loopback: anyone who reaches it sees leads"
    )
    mappings: Literal["off", "read", "approve", "write"] | None = Field(
        default=None,
        description="what the Mappings page may do: read, approve (and roll back), write (also the files); default "
        "approve, or read where the address is beyond loopback",
    )


class LogSection(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class HandoffSection(Section):
    batch: Annotated[int, Field(ge=1, le=10_000)] = Field(default=1000, description="leads decided and sent together")


class ConfigFile(Section):
    """config.yaml"""

    state: str = Field(min_length=1, description="SQLAlchemy URL of the state database")
    mappings: str = Field(default="mappings/", description="folder of the definition and mappings, from this file")
    systems: dict[str, SystemSection] = Field(min_length=1)
    brakes: BrakesSection = BrakesSection()
    edits: EditsSection = EditsSection()
    web: WebSection = WebSection()
    log: LogSection = LogSection()
    handoff: HandoffSection = HandoffSection()
    executor: str | None = Field(default=None, description="stable name of this worker; default: the host's name")

    @field_validator("state")
    @classmethod
    def _a_url(cls, value: str) -> str:
        if not re.match(r"(sqlite|postgresql)(\+\w+)?://", value):
            raise plain_error("not a database URL; write sqlite:///path/state.db or postgresql://user@host/name")
        return value

    @field_validator("systems")
    @classmethod
    def _plain_names(cls, value: dict[str, SystemSection]) -> dict[str, SystemSection]:
        odd = [name for name in value if not _NAME.fullmatch(name)]
        if odd:
            raise plain_error(f"the system name {odd[0]!r} is not plain; use lower-case letters, digits, - and _")
        return value


def _config(model: ConfigFile, document: Document, secrets: frozenset[str], path: Path) -> Config:
    host, port = _split(model.web.listen)
    systems = {
        name: SystemConfig(
            name=name,
            connector=section.connector,
            poll=section.poll,
            settings=dict(section.model_extra or {}),
            place=document.key_place(("systems", name)),
        )
        for name, section in model.systems.items()
    }
    return Config(
        file=document.file,
        state=model.state,
        mappings=path.parent / model.mappings,
        systems=systems,
        brakes=Brakes(**model.brakes.model_dump()),
        edits=Edits(**model.edits.model_dump()),
        web=Web(
            enabled=model.web.enabled,
            host=host,
            port=port,
            public=model.web.public,
            mappings=model.web.mappings or ("approve" if _is_loopback(host) else "read"),
        ),
        log=Log(level=model.log.level, format=model.log.format),
        handoff_batch=model.handoff.batch,
        executor=model.executor or platform.node(),
        secrets=secrets,
        document=document,
    )


def _exposure(web: WebSection, document: Document) -> list[Problem]:
    host, _ = _split(web.listen)
    if not web.enabled or web.public or _is_loopback(host):
        return []
    return [
        Problem(
            document.place(("web", "listen")),
            f"{host} can be reached from other machines, and the pages show leads without a login",
            "listen on 127.0.0.1, or set 'public: true' when something in front asks who it is",
        )
    ]


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
