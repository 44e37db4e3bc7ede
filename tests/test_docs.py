"""The documentation leaves nothing out: every command, option, key, word, metric and kind of trouble is in it.

What the examples of docs/mappings.md do is tested in test_mappings_page.py.
"""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from support.pages import MAPPINGS, ROOT, code, rows, words

from connectors import registry
from connectors.contract import Destination, Source
from connectors.errors import ConnectorError
from connectors.http import HttpSettings, Session, StaticToken
from sandbox.wire import Request, Response, Server
from syncd.cli import cli
from syncd.cli.demonstrating import _Story
from syncd.health import Health
from syncd.lead.decision import Fate, Lack
from syncd.lead.definition import CONDITION_FACTS, HANDOFF_FACTS, SALES_FACTS, FieldType
from syncd.mapping.schema import json_schemas
from syncd.store.inbox import KINDS

PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "connectors").glob("*/README.md")),
]
OPERATORS = [ROOT / "README.md", ROOT / "docs" / "operations.md"]


def schema_keys(schema: Any) -> Iterator[str]:
    """Every key that a file of this kind may have."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for inner in schema.values():
            yield from schema_keys(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from schema_keys(inner)


@pytest.mark.parametrize("schema", ["config", "definition", "mapping", "cases"])
def test_every_key_of_the_files_is_explained(schema: str) -> None:
    """The keys of the config stand in its example, all others between backticks in the reference."""
    page = ROOT / "config.example.yaml" if schema == "config" else MAPPINGS
    text = words(page)
    known = set(schema_keys(json_schemas()[schema]))
    assert len(known) >= 8
    pattern = r"^[ #]*KEY:" if schema == "config" else r"`\{?KEY[`:]"
    missing = [key for key in sorted(known) if not re.search(pattern.replace("KEY", key), text, re.MULTILINE)]
    assert missing == []


@pytest.mark.parametrize("name", [*HANDOFF_FACTS, *SALES_FACTS, *CONDITION_FACTS, *(one.value for one in FieldType)])
def test_every_word_of_ours_is_explained(name: str) -> None:
    """Facts that lines and conditions may name, and the types of fields."""
    assert f"`{name}`" in words(MAPPINGS)


def leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, by the words that call it."""
    if isinstance(command, click.Group):
        if name and command.invoke_without_command:
            yield name, command
        for word, inner in command.commands.items():
            yield from leaves(inner, f"{name} {word}".strip())
    else:
        yield name, command


COMMANDS = dict(leaves(cli))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_row_with_all_its_options(name: str) -> None:
    """The table of commands in docs/operations.md is complete, and offers nothing that is not there."""
    (row,) = [
        one
        for one in rows(ROOT / "docs" / "operations.md", "command", "does", "options", "exit code")
        if re.match(rf"{name}(?: [\[A-Z]|$)", code(one.cells["command"]))
    ]
    options = {
        opt for one in COMMANDS[name].params if isinstance(one, click.Option) for opt in one.opts if opt[:2] == "--"
    }
    assert set(re.findall(r"--[a-z-]+", row.cells["options"])) == options - {"--config"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_can_be_copied(name: str) -> None:
    """Each stands on a line of its own however narrow the terminal is, and calls that command with options it has."""
    told = COMMANDS[name].get_help(click.Context(COMMANDS[name], info_name=name, terminal_width=60))
    found = re.findall(r"^ +(syncd .+?)(?:  # .*)?$", told[told.index("Example") :], re.MULTILINE)
    assert any(one.startswith(f"syncd {name}") for one in found)
    assert [(one, wrong) for one in found if (wrong := wrong_with(one))] == []


def test_the_demo_prints_commands_that_run_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the program by which the demo was called, and the config that it was given."""
    monkeypatch.setattr("sys.argv", ["my venv/bin/syncd", "demo"])
    *_, last = _Story(leads=(), branches=(), prospects=7).lines(Path("demo.yaml"))
    program, *typed = shlex.split(last.partition("more: ")[2])
    assert program == "my venv/bin/syncd"
    assert typed[-2:] == ["-c", "demo.yaml"]
    assert wrong_with(shlex.join(["syncd", *typed])) == ""


def test_the_options_that_all_commands_share_are_explained() -> None:
    """--config and its variable, --help, --version."""
    text = words(*OPERATORS)
    for word in ("--config", "SYNCD_CONFIG", "--help", "--version"):
        assert re.search(rf"`[^`\n]*{word}\b", text), word


def calls() -> list[tuple[str, str]]:
    """Every `syncd ...` and `make ...` that a page tells its reader to type, with the page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        spans = re.findall(r"`((?:syncd|make) [^`\n]+)`", text)
        spans += re.findall(r"^(?: {4}|\$ )(?:[\w./]*bin/)?((?:syncd|make) [^\n]+)$", text, re.MULTILINE)
        spans += re.findall(r"^```sh\n((?:syncd|make) [^\n]+)$", text, re.MULTILINE)
        found += [(page.name, span.partition("  ")[0].partition(" #")[0].strip()) for span in spans]
    return sorted(set(found))


def calls_in_messages() -> list[tuple[str, str]]:
    """Every command that a message or a template of syncd's tells its reader to type, with the file."""
    found = []
    for file in sorted(one for room in ("syncd", "connectors") for one in (ROOT / room).rglob("*")):
        if file.suffix == ".py":
            for text in texts_in(ast.parse(file.read_text(encoding="utf-8"))):
                found += [(file.name, one) for one in re.findall(r"`(syncd [^`]+)`", text)]
        elif file.suffix == ".html":
            text = re.sub(r"\{\{.*?\}\}", "X", file.read_text(encoding="utf-8"))
            found += [(file.name, one) for one in re.findall(r"<code>(syncd [^<]+)</code>", text)]
    return sorted(set(found))


def texts_in(tree: ast.AST) -> Iterator[str]:
    """Every text of a module as it is printed, with X where a value is put in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize(("page", "call"), calls())
def test_what_a_page_tells_to_type_exists(page: str, call: str) -> None:
    """The command or target, and each of its options."""
    program, *rest = call.split()
    if program == "make":
        assert rest[0] in re.findall(r"^([a-z-]+):", words(ROOT / "Makefile"), re.MULTILINE)
    else:
        assert wrong_with(call) == ""


def test_what_a_message_tells_to_type_exists() -> None:
    """An operator who types what syncd prints gets what it said; every message is looked at."""
    told = calls_in_messages()
    assert len(told) >= 45
    assert [(file, call, wrong) for file, call in told if (wrong := wrong_with(call))] == []


def wrong_with(call: str) -> str:
    """Return what the command line itself says against it; files need not be there, and a name alone names it."""
    _, *typed = shlex.split(call.partition(" >")[0].replace("...", ""))
    typed = [one for one in typed if one and not one.startswith("[")]
    command: click.Command = cli
    context = click.Context(cli, info_name="syncd")
    while isinstance(command, click.Group) and typed and not typed[0].startswith("-"):
        found = command.get_command(context, typed.pop(0))
        if found is None:
            return "no such command"
        command, context = found, click.Context(found, parent=context)
    try:
        command.make_context(command.name, typed, parent=context.parent)
    except (click.exceptions.Exit, click.MissingParameter):
        return ""
    except click.BadParameter as error:
        return "" if re.search(r"does not exist|'[A-Z]+'", error.format_message()) else error.format_message()
    except click.UsageError as error:
        return error.format_message()
    return ""


def links(page: Path) -> Iterator[str]:
    """Files and folders of the project that a page names: targets of links, and paths between backticks."""
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            yield target.partition("#")[0]
    for span in re.findall(r"`([\w.*/-]+)`", text):
        first = span.partition("/")[0]
        if span.endswith((".py", ".md", ".toml", ".example.yaml")) or ("/" in span and first in ROOMS):
            yield span


ROOMS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("var", "build")}
SKIPPED = {".git", ".venv", "var", "build", "node_modules"}


@pytest.fixture(scope="module")
def project() -> list[str]:
    """Every file and folder of the project, from its root."""
    found = []
    for top in ROOT.iterdir():
        if top.name in SKIPPED or top.name.endswith("_cache"):
            continue
        found += [one.relative_to(ROOT).as_posix() for one in ([top, *top.rglob("*")] if top.is_dir() else [top])]
    return [one for one in found if "__pycache__" not in one]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path, project: list[str]) -> None:
    """From the root, from the page's own folder, or as the end of a longer path."""
    missing = []
    for name in links(page):
        pattern = re.escape(name.rstrip("/")).replace(r"\*", "[^/]*")
        if not (page.parent / name).exists() and not any(re.search(rf"(?:^|/){pattern}$", one) for one in project):
            missing.append(name)
    assert missing == []


# --- docs/operations.md and docs/connectors.md -----------------------------------------------------------------------


def test_every_metric_is_explained() -> None:
    """Each name as Prometheus sees it, with its labels."""
    text = words(ROOT / "docs" / "operations.md")
    for metric in Health().registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        assert f"`{name}" in text, f"{name} is not in docs/operations.md"


@pytest.mark.parametrize("fate", [one.value for one in Fate])
def test_every_fate_has_a_row(fate: str) -> None:
    """How an entity's turn in handoff can end, for those who watch the metric."""
    assert fate in [code(row.cells["fate"]) for row in rows(ROOT / "docs" / "operations.md", "fate", "means")]


def problem_kinds() -> list[str]:
    """Return the kinds that are given where problems are opened or asked for, as they stand in the source."""
    found: set[str] = set()
    texts = [path.read_text("utf-8") for path in (ROOT / "syncd").rglob("*.py")]
    for text in (one for one in texts if "open_problem" in one or "Ask" in one):  # each worker asks at its start
        for call in (one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call)):
            if ast.unparse(call.func).rpartition(".")[2] in ("open_problem", "Ask"):
                said = [one.value for one in call.keywords if one.arg == "kind"]
                found |= {n.value for one in said for n in ast.walk(one) if isinstance(n, ast.Constant)}
    return sorted(found)


@pytest.mark.parametrize("kind", problem_kinds())
def test_every_kind_of_problem_has_a_row(kind: str) -> None:
    """What it means, and how it ends."""
    told = [code(row.cells["kind"]) for row in rows(ROOT / "docs" / "operations.md", "kind", "means", "closes")]
    assert kind in told
    assert sorted(told) == sorted(KINDS)


@pytest.mark.parametrize("lack", [one.value for one in Lack])
def test_every_lack_is_explained(lack: str) -> None:
    """What can be wrong with a fact that the gate asks for."""
    assert f"**{lack}** (" in words(MAPPINGS)


@pytest.mark.parametrize(
    "kind", [one.__name__ for one in ConnectorError.__subclasses__() if one.__module__ == "connectors.errors"]
)
def test_every_kind_of_trouble_has_a_row(kind: str) -> None:
    """With what follows it, for writers of connectors."""
    found = rows(ROOT / "docs" / "connectors.md", "raise or return", "when", "then")
    assert kind in [code(row.cells["raise or return"]) for row in found]


@pytest.mark.parametrize(
    "word",
    [
        *("Source", "Destination", "Record", "Page", "Reading", "Readiness", "Capabilities", "WriteRequest"),
        *("Written", "Rejected", "Deferred", "Session", "StaticToken", "Wait", "per_second"),
    ],
)
def test_the_contract_is_explained_whole(word: str) -> None:
    """The page for writers of connectors leaves out no value that passes."""
    assert re.search(rf"`[^`]*\b{word}\b[^`]*`", words(ROOT / "docs" / "connectors.md"))


@pytest.mark.parametrize(
    "method",
    [name for one in (Source, Destination) for name in vars(one) if name[0] != "_" and callable(vars(one)[name])],
)
def test_every_method_of_the_contract_has_a_row(method: str) -> None:
    """With what it owes."""
    found = rows(ROOT / "docs" / "connectors.md", "method", "owes")
    assert method in [code(row.cells["method"]).partition("(")[0] for row in found]


class Echo:
    """A system that answers everything with what it was sent."""

    name = "echo"

    def handle(self, request: Request) -> Response:
        return Response(body={"sent": request.json(), "token": request.headers["authorization"]})

    def label(self, request: Request) -> str:
        return f"{request.method} {request.path}"


def test_the_example_of_a_session_runs() -> None:
    """The lines on HTTP can be copied: they send the body, with the token."""
    (lines,) = re.findall(r"(?:^ {4}[^\n]+\n)+", words(ROOT / "docs" / "connectors.md"), re.MULTILINE)
    with Server(Echo()) as server:
        names: dict[str, Any] = {
            **{"name": "echo", "base": server.url, "token": "t", "body": {"a": 1}, "sleep": time.sleep},
            **{"Session": Session, "StaticToken": StaticToken, "judge": lambda answer: None},
            "settings": SimpleNamespace(http=lambda: HttpSettings(per_second={"search": 5})),
        }
        exec(textwrap.dedent(lines), names)  # the page's own lines
        names["session"].close()
    assert names["answer"] == {"sent": {"a": 1}, "token": "Bearer t"}


def test_every_connector_has_a_page_and_is_registered() -> None:
    """Its README is where an operator finds its settings."""
    for module in registry.MODULES.values():
        assert (ROOT / "connectors" / module.split(".")[1] / "README.md").is_file()


def test_the_changelog_begins_with_what_is_not_released() -> None:
    """One entry, grouped by what it means for who runs it."""
    text = words(ROOT / "CHANGELOG.md")
    assert re.search(r"^## Unreleased$", text, re.MULTILINE)
    assert len(re.findall(r"^### ", text, re.MULTILINE)) >= 3
